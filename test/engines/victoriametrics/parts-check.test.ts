/** A backup held against the names of its parts; files beyond a gigabyte have several. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkParts } from '../../../src/engines/victoriametrics/parts-check.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'reeve-parts-'));
  writeFileSync(join(path, 'backup_complete.ignore'), 'ok');
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

function part(file: string, fileSize: number, offset: number, size: number, bytes = size): void {
  mkdirSync(join(path, file), { recursive: true });
  const name = [fileSize, offset, size].map(each => each.toString(16).toUpperCase().padStart(16, '0')).join('_');
  writeFileSync(join(path, file, name), Buffer.alloc(bytes));
}

async function damage(bytes: number, files: number): Promise<string[]> {
  const found = await checkParts({ path, bytes, files }, () => undefined);
  expect(found.damagedCount).toBe(found.damaged.length);
  return found.damaged.sort();
}

test('a file of several parts is whole where they follow each other to its end', async () => {
  part('data/values.bin', 30, 0, 16);
  part('data/values.bin', 30, 16, 14);
  part('data/empty.bin', 0, 0, 0);
  writeFileSync(join(path, 'data', 'values.bin', 'something.tmp'), 'no part');
  expect(await damage(30, 3)).toEqual([]);
});

test('a part that is gone, whether the catalog counts it or not, is damage', async () => {
  part('data/values.bin', 30, 0, 16);
  expect(await damage(16, 1)).toEqual(['data/values.bin: its parts end at byte 16 of 30']);
  part('data/other.bin', 30, 16, 14);
  expect(await damage(60, 4)).toEqual([
    'data/other.bin: no part has its bytes 0 to 16',
    'data/values.bin: its parts end at byte 16 of 30',
    'it has 2 parts instead of 4',
  ]);
});

test('a part of another size, and a marker that is missing, are damage', async () => {
  part('data/values.bin', 30, 0, 30, 29);
  rmSync(join(path, 'backup_complete.ignore'));
  expect(await damage(30, 1)).toEqual([
    'backup_complete.ignore is missing',
    expect.stringMatching(/^data\/values\.bin: the part \S+ has 29 bytes instead of 30$/),
    'it has 29 bytes instead of 30',
  ]);
});
