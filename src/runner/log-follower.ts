/**
 * Follows a file that an engine appends to: gives its lines, and keeps it within a bound.
 *
 * 1. Every line is given once and in order, as long as its taker keeps up and nobody else cuts the file.
 * 2. A file that has grown beyond its bound is read to its end and cut to nothing; what is appended later begins it anew,
 *    for it was opened with O_APPEND. What is written between the two is lost: microseconds, or milliseconds where a
 *    torrent of writes holds the file's lock. So it is cut when nobody writes, or else at twice its bound; and an engine
 *    leaves what must not be lost in a file of its own (`result.json`).
 * 3. A torrent that is faster than its taker is cut all the same: the newest lines, up to the bound, are given yet, and
 *    those before them are lost.
 * 4. A file whose end is to be kept has it in `<path>.old` after a cut.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { LineSplitter, type OnLine } from './line-splitter.ts';

export interface LogFollowing {
  path: string;
  /** Beyond so many bytes it is cut. */
  bytesMax: number;
  /** Takes its lines; undefined where only its size matters. */
  onLine?: OnLine | undefined;
  /** Longest line in bytes; the rest of a longer one is dropped. */
  lineBytesMax: number;
  /** Whether its newest bytes, up to the bound, are kept when it is cut. */
  keepsEnd: boolean;
  /** Where the first line begins. */
  from: number;
}

const chunkBytes = 2 ** 16;
/** Of the last bytes before a cut, which are held in memory. */
const partsMax = 512;

export class LogFollower {
  /** What the taker threw; it gets no more lines then. */
  error: unknown;
  readonly #following: LogFollowing;
  readonly #splitter: LineSplitter;
  readonly #file: number | undefined;
  #taken: number;
  #sizeBefore = 0;

  constructor(following: LogFollowing) {
    this.#following = following;
    this.#splitter = new LineSplitter(following.lineBytesMax);
    this.#taken = following.from;
    this.#file = openIfThere(following.path);
  }

  /** Takes what is there now, and cuts the file where it is too large. Not called while it runs. At the end nobody writes. */
  async take(isAtEnd = false): Promise<void> {
    if (this.#file === undefined) return;
    const { size } = fstatSync(this.#file);
    const isQuiet = isAtEnd || size === this.#sizeBefore;
    this.#sizeBefore = size;
    if (size < this.#taken) this.#taken = 0; // the watcher has cut it
    if (this.#following.onLine) await this.#takeTo(this.#file, size);
    else this.#taken = size; // nobody wants what lies before
    const { bytesMax } = this.#following;
    const now = fstatSync(this.#file).size;
    if (now > bytesMax * (isQuiet ? 1 : 2)) await this.#give(this.#splitter.lines(this.#cut(this.#file, now)));
  }

  /** Takes the rest, and the last line also where it has no end. */
  async end(): Promise<void> {
    await this.take(true);
    await this.#give(this.#splitter.rest());
    if (this.#file !== undefined) closeSync(this.#file);
  }

  /** Less where the file grows meanwhile, beyond twice its bound. */
  async #takeTo(file: number, size: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(0, size - this.#taken)));
    const most = Math.max(size, 2 * this.#following.bytesMax);
    while (this.#taken < size && fstatSync(file).size <= most) {
      const bytes = readSync(file, buffer, 0, Math.min(buffer.length, size - this.#taken), this.#taken);
      if (bytes === 0) return;
      this.#taken += bytes;
      await this.#give(this.#splitter.lines(buffer.subarray(0, bytes)));
      if (this.#taken < size) await turn();
    }
  }

  async #give(lines: Iterable<string>): Promise<void> {
    const { onLine } = this.#following;
    for (const line of lines) {
      if (!onLine || this.error !== undefined) continue;
      try {
        await onLine(line);
      } catch (error) {
        this.error = error ?? new Error('the taker of lines threw nothing');
      }
    }
  }

  /** Cuts the file and answers what nobody has taken of it. No call comes between the end of the file and the cut. */
  #cut(file: number, size: number): Buffer {
    const { path, bytesMax, keepsEnd } = this.#following;
    const newest = Math.max(0, size - bytesMax);
    if (newest > this.#taken) this.#splitter.skip();
    this.#taken = Math.max(this.#taken, newest);
    const from = keepsEnd ? newest : this.#taken;
    const parts: Buffer[] = [];
    // Reading is faster than writing, so the end is reached; the limit is for what no one has seen.
    for (let at = from; parts.length < partsMax; at += parts.at(-1)?.length ?? 0) {
      const part = Buffer.allocUnsafe(chunkBytes);
      const bytes = readSync(file, part, 0, chunkBytes, at);
      if (bytes === 0) break;
      parts.push(part.subarray(0, bytes));
    }
    ftruncateSync(file, 0);
    const read = Buffer.concat(parts);
    if (keepsEnd) keep(`${path}.old`, read.subarray(Math.max(0, read.length - bytesMax)));
    const rest = read.subarray(this.#taken - from);
    this.#taken = 0;
    return rest;
  }
}

/** On a full disk the end is lost, and the cut makes room. */
function keep(path: string, bytes: Buffer): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
