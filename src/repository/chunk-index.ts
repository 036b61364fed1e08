/**
 * Where each chunk of a repository stands: which pack, which frame of it, where in the frame. Made once, never changed,
 * and in shared memory, so that every thread of a process reads the same one: 44 bytes a chunk, 24 a frame.
 */
import { chunksOf, headBytes } from './frame.ts';
import type { PlacedFrame } from './pack.ts';
import { frontFrames } from './pack-front.ts';
import { type ListDamage, listPacks } from './pack-list.ts';
import type { Repository } from './repository.ts';

/** A chunk's place. */
export interface ChunkPlace {
  pack: string;
  /** Where the frame's head begins, and how many bytes head and body take. */
  at: number;
  headBytes: number;
  storedBytes: number;
  /** In the plain body. */
  offset: number;
  length: number;
}

/** What another thread makes a ChunkIndex of. */
export interface SharedIndex {
  packs: SharedArrayBuffer;
  packCount: number;
  frames: SharedArrayBuffer;
  chunks: SharedArrayBuffer;
  slots: SharedArrayBuffer;
}

const packWords = 4;
const frameWords = 4; // pack, at, bytes of the head, of the body
const chunkWords = 11; // 8 of the hash, frame, offset, length
const growthBytes = 1024 * 1024;
/** Address space that is reserved, no memory: some 48 million chunks. */
const wordBytesMax = 2 * 1024 * 1024 * 1024;

/** Words that grow where they are, so that no copy of them is ever needed. */
class Words {
  #words = viewOf(new SharedArrayBuffer(growthBytes, { maxByteLength: wordBytesMax }));
  length = 0;

  push(...words: number[]): void {
    if (this.length + words.length > this.#words.length) {
      this.shared.grow(this.#words.byteLength + growthBytes);
      this.#words = viewOf(this.shared);
    }
    for (const word of words) this.#words[this.length++] = word;
  }

  get shared(): SharedArrayBuffer {
    return this.#words.buffer;
  }
}

/** Of a length of its own: V8 asks at each access how long a view is that grows with its memory. */
function viewOf(memory: SharedArrayBuffer): Uint32Array<SharedArrayBuffer> {
  return new Uint32Array(memory, 0, memory.byteLength / 4);
}

/**
 * Reads the index, and what it lacks from the packs. What is damaged is told; of such a pack the frames in front are
 * there all the same, behind those of the sound ones, and its other chunks are missing.
 */
export async function openChunkIndex(
  repository: Repository,
  onDamage?: (damage: ListDamage) => void,
): Promise<ChunkIndex> {
  const [packs, frames, chunks] = [new Words(), new Words(), new Words()];
  const add = (id: string, placed: readonly PlacedFrame[]) => {
    packs.push(...wordsOf(Buffer.from(id, 'hex')));
    for (const { at, head } of placed) {
      const frame = frames.length / frameWords;
      frames.push(packs.length / packWords - 1, at, headBytes(head), head.storedBytes);
      for (const { sha256, offset, length } of chunksOf(head)) chunks.push(...wordsOf(sha256), frame, offset, length);
    }
  };
  const damaged: string[] = [];
  const tell = (damage: ListDamage) => {
    if (damage.what === 'pack') damaged.push(damage.name);
    onDamage?.(damage);
  };
  for await (const { id, frames: placed } of listPacks(repository, tell, 'all')) add(id, placed);
  for (const id of damaged) add(id, frontFrames(repository, id));
  const slots = slotsFor(viewOf(chunks.shared), chunks.length / chunkWords);
  return new ChunkIndex({
    packs: packs.shared,
    packCount: packs.length / packWords,
    frames: frames.shared,
    chunks: chunks.shared,
    slots,
  });
}

export class ChunkIndex {
  readonly shared: SharedIndex;
  readonly #packs: Uint32Array;
  readonly #frames: Uint32Array;
  readonly #chunks: Uint32Array;
  readonly #slots: Uint32Array;

  constructor(shared: SharedIndex) {
    this.shared = shared;
    this.#packs = viewOf(shared.packs);
    this.#frames = viewOf(shared.frames);
    this.#chunks = viewOf(shared.chunks);
    this.#slots = viewOf(shared.slots);
  }

  /**
   * Undefined where the repository does not have it. `sha256` in hexadecimal; `copy` counts from 0 up, for two runs at
   * once may each have stored it.
   */
  find(sha256: string, copy = 0): ChunkPlace | undefined {
    const key = wordsOf(Buffer.from(sha256, 'hex'));
    const mask = this.#slots.length - 1;
    let left = copy;
    for (let slot = (key[0] as number) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] as number;
      if (number === 0) return undefined;
      const at = (number - 1) * chunkWords;
      if (key.every((word, place) => this.#chunks[at + place] === word) && left-- === 0) return this.#placeAt(at);
    }
  }

  /** The ids of all packs. */
  packs(): Set<string> {
    const ids = new Set<string>();
    for (let at = 0; at < this.shared.packCount * packWords; at += packWords)
      ids.add(hexOf(this.#packs.subarray(at, at + packWords)));
    return ids;
  }

  #placeAt(at: number): ChunkPlace {
    const frame = (this.#chunks[at + 8] as number) * frameWords;
    const pack = (this.#frames[frame] as number) * packWords;
    return {
      pack: hexOf(this.#packs.subarray(pack, pack + packWords)),
      at: this.#frames[frame + 1] as number,
      headBytes: this.#frames[frame + 2] as number,
      storedBytes: this.#frames[frame + 3] as number,
      offset: this.#chunks[at + 9] as number,
      length: this.#chunks[at + 10] as number,
    };
  }
}

/** Open addressing: a slot holds the number of a chunk, from 1. */
function slotsFor(chunks: Uint32Array, count: number): SharedArrayBuffer {
  const slots = new Uint32Array(new SharedArrayBuffer(4 * 2 ** Math.ceil(Math.log2(Math.max(16, count * 1.6)))));
  const mask = slots.length - 1;
  for (let number = 1; number <= count; number += 1) {
    let slot = (chunks[(number - 1) * chunkWords] as number) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number;
  }
  return slots.buffer;
}

function wordsOf(bytes: Buffer): number[] {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) words.push(bytes.readUInt32LE(at));
  return words;
}

function hexOf(words: Uint32Array): string {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [place, word] of words.entries()) bytes.writeUInt32LE(word, place * 4);
  return bytes.toString('hex');
}
