import { describe, expect, test } from 'vitest';
import { bytePathOfText } from '../../src/repository/byte-path.ts';
import { compileGlobs } from '../../src/repository/glob.ts';

const matches = (glob: string, path: string, isDirectory = false) =>
  compileGlobs([glob])(bytePathOfText(path), isDirectory);

describe('compileGlobs', () => {
  test.each([
    ['*.tmp', 'a.tmp', true],
    ['*.tmp', 'deep/er/a.tmp', true],
    ['*.tmp', 'a.tmp/b', false],
    ['node_modules', 'x/node_modules', true],
    ['/top', 'top', true],
    ['/top', 'x/top', false],
    ['a/*', 'a/b', true],
    ['a/*', 'a/b/c', false],
    ['a/**', 'a/b/c', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['**/b/*.c', 'a/b/x.c', true],
    ['?', 'é', true],
    ['??', 'é', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[!a-c]x', 'dx', true],
    ['*.{jpg,png}', 'p/a.png', true],
    ['*.{jpg,png}', 'p/a.gif', false],
    ['{a,b}{c,d}', 'bd', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a[', 'a[', true],
    ['.hidden*', '.hidden-file', true],
    ['a.c', 'abc', false],
  ])('%s on %s is %s', (glob, path, expected) => {
    expect(matches(glob, path)).toBe(expected);
  });

  test('a trailing slash matches directories only', () => {
    expect(matches('cache/', 'a/cache', true)).toBe(true);
    expect(matches('cache/', 'a/cache', false)).toBe(false);
  });

  test('a glob made to be slow is not', () => {
    const started = performance.now();
    expect(matches(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).toBe(false);
    expect(matches(`${'**/'.repeat(50)}x`, 'a/'.repeat(100))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('no globs match nothing', () => {
    expect(compileGlobs([])('a', false)).toBe(false);
  });
});
