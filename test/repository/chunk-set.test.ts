import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ChunkSet } from '../../src/repository/chunk-set.ts';

function hashOf(number: number): Buffer {
  return createHash('sha256').update(`${number}`).digest();
}

function hex(hash: Buffer): Buffer {
  return Buffer.from(`["${hash.toString('hex')}`);
}

test('what was added is found by its bytes and by its digits, and nothing else, over many tables', () => {
  const set = new ChunkSet();
  const other = new ChunkSet(set.memory);
  for (let number = 0; number < 50_000; number += 1) expect(set.add(hashOf(number))).toBe(true);
  expect(set.add(hashOf(7))).toBe(false);
  for (const each of [set, other]) {
    expect(each.size).toBe(50_000);
    for (let number = 0; number < 60_000; number += 7) {
      expect(each.has(hashOf(number))).toBe(number < 50_000);
      expect(each.hasHex(hex(hashOf(number)), 2)).toBe(number < 50_000);
    }
  }
  other.add(hashOf(60_000));
  expect(set.has(hashOf(60_000))).toBe(true);
});

test('many are added at once, each once', () => {
  const set = new ChunkSet();
  const records = Buffer.concat([1, 2, 3, 2].map(number => Buffer.concat([hashOf(number), Buffer.alloc(4, 0xff)])));
  set.addAll(records, 36);
  expect(set.size).toBe(3);
  for (const number of [1, 2, 3]) expect(set.has(hashOf(number))).toBe(true);
  expect(set.has(hashOf(4))).toBe(false);
});

test('a forged hash of zeros, which is what an empty slot holds, is not found', () => {
  const set = new ChunkSet();
  expect(set.has(Buffer.alloc(32))).toBe(false);
  expect(set.hasHex(Buffer.alloc(64, '0'), 0)).toBe(false);
});
