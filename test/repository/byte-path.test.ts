import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytePathOf,
  bytesOf,
  isPlainPath,
  jsonOfPath,
  pathOfJson,
  printablePath,
} from '../../src/repository/byte-path.ts';

describe('byte paths', () => {
  test('any bytes survive a trip through JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const path = bytePathOf(Buffer.from(bytes));
        const json = JSON.parse(JSON.stringify(jsonOfPath(path)));
        expect(bytesOf(pathOfJson(json) ?? '').equals(bytes)).toBe(true);
      }),
    );
  });

  test('they sort as their bytes do', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
        const [a, b] = [bytePathOf(Buffer.from(one)), bytePathOf(Buffer.from(other))];
        expect(Math.sign(Buffer.compare(one, other))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  test.each(['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', 'a/./b', 'a\0b'])('%j is not plain', path => {
    expect(isPlainPath(path)).toBe(false);
  });

  test.each(['a', 'a/b', '...', '..a', ' ', '\n', '\xff'])('%j is plain', path => {
    expect(isPlainPath(path)).toBe(true);
  });

  test('what is shown has no control characters', () => {
    expect(printablePath('a\x1b[31m\n')).toBe('a\\x1b[31m\\n');
    expect(printablePath('\xff\x01\\')).toBe('\\xff\\x01\\\\');
  });
});
