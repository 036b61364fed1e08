import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChunkSizes, ChunkWindow, chunkSizes, isZero } from '../../src/repository/chunker.ts';

const small: ChunkSizes = { minBytes: 64, maxBytes: 1024, boundaryBits: 7 };

const windows = new Map([small, chunkSizes].map(sizes => [sizes, new ChunkWindow(sizes)]));

/** Where the first chunk of `bytes` ends, which must be no longer than the largest chunk. */
function firstBoundary(bytes: Uint8Array, sizes: ChunkSizes = chunkSizes): number {
  const window = windows.get(sizes) as ChunkWindow;
  window.bytes.set(bytes);
  return window.boundary(0, bytes.length);
}

function chunksOf(content: Buffer, sizes: ChunkSizes): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const length = firstBoundary(content.subarray(at, at + sizes.maxBytes), sizes);
    chunks.push(content.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** Bytes without a pattern, the same on every machine. */
function noise(length: number, seed: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 32 < length; at += 1) blocks.push(createHash('sha256').update(`${seed}:${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(2000).map(length => new Uint8Array(length)),
      fc.tuple(fc.nat(3000), fc.nat(9)).map(([length, seed]) => noise(length, seed)),
    ),
    { maxLength: 6 },
  )
  .map(parts => Buffer.concat(parts));

describe('firstBoundary', () => {
  test('chunks put together are the content, and keep their bounds', () => {
    fc.assert(
      fc.property(content, bytes => {
        const chunks = chunksOf(bytes, small);
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBeGreaterThanOrEqual(small.minBytes);
        for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(small.maxBytes);
      }),
    );
  });

  test('a boundary depends on the bytes before it alone, not on what follows', () => {
    fc.assert(
      fc.property(content, content, (bytes, other) => {
        const length = firstBoundary(bytes.subarray(0, small.maxBytes), small);
        fc.pre(length < Math.min(bytes.length, small.maxBytes));
        const continued = Buffer.concat([bytes.subarray(0, length + 1), other]).subarray(0, small.maxBytes);
        expect(firstBoundary(continued, small)).toBe(length);
      }),
    );
  });

  test('after an insertion in front the chunks are soon the same again', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.uint8Array({ minLength: 1, maxLength: 40 }), (seed, inserted) => {
        const bytes = noise(40_000, seed);
        const before = new Set(chunksOf(bytes, small).map(chunk => chunk.toString('latin1')));
        const after = chunksOf(Buffer.concat([inserted, bytes]), small);
        const fresh = after.filter(chunk => !before.has(chunk.toString('latin1')));
        expect(fresh.length).toBeLessThan(after.length / 4);
      }),
      { numRuns: 30 },
    );
  });

  test('zeros have no boundary before the largest size, so that holes need no look at each byte', () => {
    const zeros = Buffer.alloc(chunkSizes.maxBytes);
    expect(firstBoundary(zeros)).toBe(chunkSizes.maxBytes);
  });

  test('the average of noise is what the sizes promise', () => {
    const chunks = chunksOf(noise(400_000, 1), small);
    const average = 400_000 / chunks.length;
    expect(average).toBeGreaterThan(small.minBytes + 64);
    expect(average).toBeLessThan(small.minBytes + 256);
  });

  test('the boundaries of the format never change', () => {
    const lengths = chunksOf(noise(6 * 1024 * 1024, 7), chunkSizes).map(chunk => chunk.length);
    expect(lengths).toEqual([588_823, 1_111_002, 716_028, 845_030, 996_059, 2_034_514]);
  });
});

describe('isZero', () => {
  test('finds a single byte anywhere', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), fc.nat(), (length, position) => {
        const bytes = Buffer.alloc(length);
        expect(isZero(bytes)).toBe(true);
        bytes[position % length] = 1;
        expect(isZero(bytes)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});
