/**
 * Content-defined chunking by a gear hash (the idea of Ddelta and FastCDC): a boundary falls where the hash of the last
 * 32 bytes has its 20 highest bits zero, so an insertion moves only the boundaries near it.
 *
 * 1. Boundaries depend on the bytes alone, never on how they were read.
 * 2. Every chunk but the last has at least `minBytes`, every chunk at most `maxBytes`.
 * 3. A run of zeros has no boundary before `maxBytes`: whole chunks of zeros are holes, and are found without hashing.
 */
import { createHash } from 'node:crypto';

export interface ChunkSizes {
  minBytes: number;
  maxBytes: number;
  /** How many of the highest bits must be zero: beyond `minBytes` a boundary comes after 2^bits bytes on average. */
  boundaryBits: number;
}

/** The sizes of format 1: a change makes the next backup store everything once more, but breaks nothing. */
export const chunkSizes: ChunkSizes = { minBytes: 256 * 1024, maxBytes: 4 * 1024 * 1024, boundaryBits: 20 };

const windowBytes = 32;

/** One word a byte value, the first four bytes of sha256("reeve gear 1 <value>"): fixed for ever by format 1. */
const gear = Int32Array.from({ length: 256 }, (_, value) =>
  createHash('sha256').update(`reeve gear 1 ${value}`).digest().readInt32LE(0),
);

/**
 * Where the first chunk of `bytes` ends. `bytes` must hold `maxBytes`, or all that is left of the content; the answer is
 * then the length of the whole where no boundary comes before.
 */
export function firstBoundary(bytes: Uint8Array, sizes: ChunkSizes = chunkSizes): number {
  const end = Math.min(bytes.length, sizes.maxBytes);
  if (end <= sizes.minBytes) return end;
  const shift = 32 - sizes.boundaryBits;
  let hash = 0;
  // The window is full when the first boundary is possible; before that the hash would know less than 32 bytes.
  for (let at = Math.max(0, sizes.minBytes - windowBytes); at < sizes.minBytes; at += 1)
    hash = (hash << 1) + (gear[bytes[at] as number] as number);
  for (let at = sizes.minBytes; at < end; at += 1) {
    if (hash >>> shift === 0) return at;
    hash = (hash << 1) + (gear[bytes[at] as number] as number);
  }
  return end;
}

const zeros = Buffer.alloc(64 * 1024);

/** True where every byte is zero; as quick as comparing memory. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(part, part.length === zeros.length ? zeros : zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
