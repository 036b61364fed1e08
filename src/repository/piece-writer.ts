/** Writes pieces of files, for one thread. Every chunk is held against its hash before a byte of it is written. */
import { hash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type BytePath, printablePath } from './byte-path.ts';
import type { ChunkReader } from './chunk-reader.ts';
import { chunkSizes, isZero } from './chunker.ts';
import type { Piece } from './manifest.ts';
import { readAt } from './read-at.ts';
import { corrupt } from './repository-failure.ts';
import type { FileToRestore, RestoreCounters } from './restore-messages.ts';
import { JobStopped } from './thread-pool.ts';

/** The blocks in which a sparse file's zeros are found again. */
const blockBytes = 4096;
const zeros = Buffer.alloc(1024 * 1024);

export class PieceWriter {
  readonly #chunks: ChunkReader;
  readonly #counters: RestoreCounters;

  constructor(chunks: ChunkReader, counters: RestoreCounters) {
    this.#chunks = chunks;
    this.#counters = counters;
  }

  /**
   * Writes the content from `at` on, and answers where it ends. Throws a failure where a chunk is damaged, the system's
   * error where the file cannot be written, and JobStopped.
   */
  write(handle: number, file: FileToRestore, at = 0): number {
    for (const piece of file.content) {
      this.#writePiece(handle, file, piece, at);
      at += piece[0];
    }
    return at;
  }

  /** Writes the chunks that are not there yet, their zeros too; what a hole has instead of them is not looked for. */
  writeMissing(handle: number, file: FileToRestore, at: number): void {
    for (const piece of file.content) {
      this.#stopHere();
      const [length, sha256] = piece;
      if (sha256 !== undefined && !isThere(handle, piece, at))
        writeAll(handle, this.#chunk(file.path, length, sha256), at);
      this.#counters.add('bytes', length);
      at += length;
    }
  }

  /** Whether all of the content is there already; if so, it counts. */
  isThere(handle: number, content: readonly Piece[]): boolean {
    let at = 0;
    for (const piece of content) {
      this.#stopHere();
      if (!isThere(handle, piece, at)) return false;
      at += piece[0];
    }
    this.#counters.add('bytes', at);
    return true;
  }

  #writePiece(handle: number, { path, entry }: FileToRestore, [length, sha256]: Piece, at: number): void {
    this.#stopHere();
    if (sha256 !== undefined) {
      const bytes = this.#chunk(path, length, sha256);
      if (entry.sparse) writeSparse(handle, bytes, at);
      else writeAll(handle, bytes, at);
      this.#counters.add('bytes', length);
    } else if (entry.sparse) this.#counters.add('bytes', length);
    else this.#writeZeros(handle, at, at + length);
  }

  #writeZeros(handle: number, from: number, to: number): void {
    for (let at = from; at < to; at += zeros.length) {
      this.#stopHere();
      const length = Math.min(zeros.length, to - at);
      writeAll(handle, zeros.subarray(0, length), at);
      this.#counters.add('bytes', length);
    }
  }

  #chunk(path: BytePath, length: number, sha256: string): Buffer {
    const read = this.#chunks.read(sha256);
    const lost = `${printablePath(path)} cannot be restored: its chunk ${sha256}`;
    if (read.damage !== undefined) throw corrupt(`${lost} is ${read.damage}: ${read.why}`);
    if (read.bytes.length === length) return read.bytes;
    throw corrupt(`${lost} has ${read.bytes.length} bytes, not ${length}`);
  }

  #stopHere(): void {
    if (this.#counters.isStopped) throw new JobStopped();
  }
}

function isThere(handle: number, [length, sha256]: Piece, at: number): boolean {
  if (sha256 === undefined) return true;
  if (length > chunkSizes.maxBytes) return false; // no chunk is: a manifest may say anything
  return hash('sha256', readAt(handle, Buffer.allocUnsafe(length), at), 'hex') === sha256;
}

/** Leaves blocks of zeros out. Blocks are those of the file, so that they can be holes on disk. */
function writeSparse(handle: number, bytes: Buffer, start: number): void {
  let from = 0;
  while (from < bytes.length) {
    let to = from;
    while (to < bytes.length && !isZero(blockAt(bytes, start, to))) to += blockAt(bytes, start, to).length;
    if (to > from) writeAll(handle, bytes.subarray(from, to), start + from);
    while (to < bytes.length && isZero(blockAt(bytes, start, to))) to += blockAt(bytes, start, to).length;
    from = to;
  }
}

function blockAt(bytes: Buffer, start: number, at: number): Buffer {
  const rest = blockBytes - ((start + at) % blockBytes);
  return bytes.subarray(at, Math.min(bytes.length, at + rest));
}

function writeAll(handle: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done, bytes.length - done, at + done);
}
