/**
 * Content-defined chunking by a gear hash (the idea of Ddelta and FastCDC): a boundary falls where the hash of the last
 * 32 bytes has its highest bits zero, so an insertion moves only the boundaries near it.
 *
 * 1. Boundaries depend on the bytes alone, never on how they were read.
 * 2. Every chunk but the last has at least `minBytes`, every chunk at most `maxBytes`.
 * 3. A run of zeros has no boundary before `maxBytes`: whole chunks of zeros are holes, and are found without hashing.
 */
import { gearBytes, gearOver, type Scan } from './gear.ts';

export interface ChunkSizes {
  minBytes: number;
  maxBytes: number;
  /** How many of the highest bits must be zero: beyond `minBytes` a boundary comes after 2^bits bytes on average. */
  boundaryBits: number;
}

/** The sizes of the format: a change makes the next backup store everything once more, but breaks nothing. */
export const chunkSizes: ChunkSizes = { minBytes: 512 * 1024, maxBytes: 2 * 1024 * 1024, boundaryBits: 19 };

const windowBytes = 32;

/** Memory that content is read into, and cut into chunks where it lies. */
export class ChunkWindow {
  /** Room for the largest chunk and a quarter more: what is read ahead is moved often, which costs less than its room. */
  readonly bytes: Buffer;
  readonly sizes: ChunkSizes;
  readonly #scan: Scan;

  constructor(sizes: ChunkSizes = chunkSizes) {
    const bytes = Math.ceil(1.25 * sizes.maxBytes);
    const { memory, scan } = gearOver(bytes);
    this.sizes = sizes;
    this.bytes = Buffer.from(memory, gearBytes, bytes);
    this.#scan = scan;
  }

  /**
   * Where the first chunk of `bytes[from, to)` ends. `maxBytes` must stand there, or all that is left of the content;
   * the answer is then `to` where no boundary comes before.
   */
  boundary(from: number, to: number): number {
    const { minBytes, maxBytes, boundaryBits } = this.sizes;
    const last = Math.min(to, from + maxBytes);
    const first = from + minBytes;
    if (last <= first) return last;
    // The hash is full when the first boundary is possible; before that it would know less than 32 bytes.
    const warm = this.#warm(Math.max(from, first - windowBytes), first);
    return this.#scan(gearBytes + first, gearBytes + last, warm, 32 - boundaryBits) - gearBytes;
  }

  #warm(from: number, to: number): number {
    const gear = new Int32Array(this.bytes.buffer, 0, 256);
    let hash = 0;
    for (let at = from; at < to; at += 1) hash = ((hash << 1) + (gear[this.bytes[at] as number] as number)) | 0;
    return hash;
  }
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
