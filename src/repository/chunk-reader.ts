/** Reads chunks back, for one thread, and trusts nothing but their hashes. Frames that were read last are kept. */
import { hash } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { ChunkIndex, ChunkPlace } from './chunk-index.ts';
import { decodeHead, expandFrame, frameBytesMax } from './frame.ts';
import { leftBehind } from './garbage.ts';
import { LatePacks } from './late-packs.ts';
import { openPack } from './pack-names.ts';
import { readAt } from './read-at.ts';
import type { Repository } from './repository.ts';
import { errorCode, repositoryError } from './repository-failure.ts';

export type ChunkRead = { bytes: Buffer; damage?: undefined } | { damage: 'missing' | 'damaged'; why: string };

/** Frames of small chunks that are kept open: neighbours in a tree mostly stand in one. */
const framesKept = 8;
const filesKept = 8;

export class ChunkReader {
  readonly #repository: Repository;
  readonly #index: ChunkIndex;
  readonly #late: LatePacks;
  /** By pack and place; the last one used stands last. */
  readonly #frames = new Map<string, Buffer>();
  readonly #files = new Map<string, number>();
  #buffer = Buffer.allocUnsafeSlow(0);

  constructor(repository: Repository, index: ChunkIndex) {
    this.#repository = repository;
    this.#index = index;
    this.#late = new LatePacks(repository, index);
  }

  /**
   * The chunk's plain bytes, good until the next one is read, or how it is damaged. Throws a failure where the repository
   * itself cannot be read.
   */
  read(sha256: string): ChunkRead {
    let damaged: ChunkRead | undefined;
    /** Packs that had it and are gone, or '' where none had it. */
    let gone: string[] = [];
    for (let copy = 0; ; copy += 1) {
      const place = this.#index.find(sha256, copy);
      if (!place) break;
      const read = this.#read(sha256, place);
      if (read.damage === undefined) return read;
      damaged ??= read;
      if (read.damage === 'missing') gone.push(place.pack);
    }
    if (!damaged) gone = [''];
    while (gone.length > 0) {
      const place = this.#late.find(sha256, gone);
      if (!place) break;
      const read = this.#read(sha256, place);
      if (read.damage === undefined) return read;
      damaged ??= read;
      gone = read.damage === 'missing' ? [place.pack] : [];
    }
    return damaged ?? { damage: 'missing', why: 'no pack has it' };
  }

  #read(sha256: string, place: ChunkPlace): ChunkRead {
    try {
      const bytes = this.#frame(place).subarray(place.offset, place.offset + place.length);
      const found = hash('sha256', bytes, 'hex');
      if (found === sha256) return { bytes };
      return { damage: 'damaged', why: `its content in the pack ${place.pack} has the hash ${found}` };
    } catch (error) {
      // A bad block under one frame is that frame's damage; the rest may well be readable.
      const code = errorCode(error);
      if (code === 'ENOENT') return { damage: 'missing', why: `the pack ${place.pack} is gone` };
      if (code === 'EIO') return { damage: 'damaged', why: `the disk cannot read the pack ${place.pack} (EIO)` };
      if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) throw repositoryError(this.#repository.path, error);
      const said = error instanceof Error ? error.message : String(error);
      return { damage: 'damaged', why: `a frame of the pack ${place.pack} cannot be read: ${said}` };
    }
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
    this.#frames.clear();
  }

  #frame(place: ChunkPlace): Buffer {
    const key = `${place.pack}:${place.at}`;
    const kept = this.#frames.get(key);
    if (kept) return kept;
    const whole = place.headBytes + place.storedBytes;
    if (place.storedBytes > frameBytesMax) throw new Error('it is larger than any frame');
    if (this.#buffer.length < whole) this.#buffer = Buffer.allocUnsafeSlow(whole);
    const bytes = readAt(this.#file(place.pack), this.#buffer.subarray(0, whole), place.at);
    const head = decodeHead(bytes, 0);
    if (!head) throw new Error('its head is damaged');
    const plain = expandFrame(head, bytes.subarray(place.headBytes, whole));
    if (plain.buffer !== bytes.buffer) leftBehind(plain.length);
    // A frame of one chunk is read once, mostly: only those of many are worth being kept, and they are not in our buffer.
    if (place.length < plain.length) this.#keep(key, plain.buffer === bytes.buffer ? Buffer.from(plain) : plain);
    return plain;
  }

  #keep(key: string, plain: Buffer): void {
    this.#frames.set(key, plain);
    if (this.#frames.size > framesKept) this.#frames.delete(this.#frames.keys().next().value ?? key);
  }

  #file(pack: string): number {
    const open = this.#files.get(pack);
    if (open !== undefined) return open;
    const file = openPack(this.#repository, pack);
    this.#files.set(pack, file);
    const [oldest] = this.#files;
    if (this.#files.size > filesKept && oldest) {
      this.#files.delete(oldest[0]);
      closeSync(oldest[1]);
    }
    return file;
  }
}
