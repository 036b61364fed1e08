import { expect, test } from 'vitest';
import { nearest } from '../../src/core/nearest.ts';

const fields = ['path', 'exclude', 'oneFileSystem', 'requireMount', 'type'];

test.each([
  ['pth', 'path'],
  ['paht', 'path'],
  ['Path', 'path'],
  ['exlcude', 'exclude'],
  ['onefilesystem', 'oneFileSystem'],
  ['requireMounts', 'requireMount'],
])('%s is taken for %s', (word, meant) => {
  expect(nearest(word, fields)).toBe(meant);
});

test.each(['', 'bandwidth', 'x', 'p'.repeat(10_000)])('nothing is near to %j', word => {
  expect(nearest(word, fields)).toBeUndefined();
});

test('nothing is near where there is nothing', () => {
  expect(nearest('path', [])).toBeUndefined();
});
