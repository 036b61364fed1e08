/**
 * Reads one file of a source into pieces, in a thread. It reads no more than the size that the file had when it was
 * opened, so that a log that grows as fast as it is read comes to an end; what changed meanwhile is told.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { under } from '../../repository/byte-path.ts';
import { ChunkWindow, isZero } from '../../repository/chunker.ts';
import { microsecondsOf } from '../../repository/file-times.ts';
import type { Attributes, Piece } from '../../repository/manifest.ts';
import type { PackWriter } from '../../repository/pack-writer.ts';
import { JobStopped } from '../../repository/thread-pool.ts';
import type { FileRead, FileToRead, ReadCounters, ReadThreadData } from './read-messages.ts';
import { seenOf } from './unchanged.ts';

/** Where chunks go. */
type ChunkStore = Pick<PackWriter, 'add'>;
type Source = Pick<ReadThreadData, 'root' | 'bytesPerSecond'>;

/** Readings of a file that changes under the reader; the last one is stored and told as changed. */
const readingsMax = 3;

export class FileReader {
  readonly #data: Source;
  readonly #writer: ChunkStore;
  readonly #counters: ReadCounters;
  readonly #window = new ChunkWindow();
  readonly #startedMs = performance.now();
  #readBytes = 0;

  constructor(data: Source, writer: ChunkStore, counters: ReadCounters) {
    this.#data = data;
    this.#writer = writer;
    this.#counters = counters;
  }

  /** Rejects with the system's error where the file cannot be opened or read to its end, and with JobStopped where the backup is told to stop, at the end of a chunk. */
  async read(wanted: FileToRead): Promise<FileRead> {
    for (let reading = 1; ; reading += 1) {
      const content = await this.#readOnce(wanted);
      if (!content.changed || reading === readingsMax) return content;
      this.#counters.add('read', -content.size); // it counts once
    }
  }

  async #readOnce(wanted: FileToRead): Promise<FileRead> {
    const readAtMs = Date.now();
    // A pipe that took the file's name must not hold the open for ever, and a symlink must not lead away.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = openSync(under(this.#data.root, wanted.path), flags);
    try {
      const before = fstatSync(file, { bigint: true });
      if (!before.isFile() || before.dev !== wanted.dev || before.ino !== wanted.ino)
        throw Object.assign(new Error('another file has its name now'), { code: 'ENOENT' });
      const content: Piece[] = [];
      const size = await this.#readPieces(file, Number(before.size), content);
      const after = fstatSync(file, { bigint: true });
      const changed = !isSame(before, after) || BigInt(size) !== before.size;
      const seen = changed ? null : seenOf(before, readAtMs);
      return { ...attributesOf(before), size, sparse: isSparse(before), changed, seen, content };
    } finally {
      closeSync(file);
    }
  }

  /** Adds the pieces of the content; resolves with how many bytes it had. */
  async #readPieces(file: number, sizeMax: number, content: Piece[]): Promise<number> {
    const { bytes, sizes } = this.#window;
    let [from, to, readTo, ended] = [0, 0, 0, sizeMax === 0];
    for (;;) {
      if (!ended && to - from < sizes.maxBytes) {
        if (from > 0) bytes.copyWithin(0, from, to);
        [from, to] = [0, to - from];
        while (!ended && to < bytes.length) {
          const more = readSync(file, bytes, to, Math.min(bytes.length - to, sizeMax - readTo), readTo);
          to += more;
          readTo += more;
          ended = more === 0 || readTo >= sizeMax;
          this.#counted(more);
        }
      }
      if (from === to) return readTo;
      if (this.#counters.isHeld) await this.#counters.released();
      if (this.#counters.isStopped) throw new JobStopped();
      const end = this.#end(from, to);
      await this.#addPiece(content, bytes.subarray(from, end));
      from = end;
    }
  }

  /** Zeros have no boundary inside, so as many as a chunk may have are a hole without a look at each byte. */
  #end(from: number, to: number): number {
    const most = Math.min(to, from + this.#window.sizes.maxBytes);
    return isZero(this.#window.bytes.subarray(from, most)) ? most : this.#window.boundary(from, to);
  }

  async #addPiece(content: Piece[], chunk: Buffer): Promise<void> {
    if (isZero(chunk)) {
      const last = content.at(-1);
      if (last && last.length === 1) last[0] += chunk.length;
      else content.push([chunk.length]);
      return;
    }
    const { sha256, isNew } = await this.#writer.add(chunk);
    content.push([chunk.length, sha256]);
    if (!isNew) this.#counters.add('reused', chunk.length);
  }

  /** Keeps to the limit: by what was read since the start, so that a slow spell may be made up for. */
  #counted(bytes: number): void {
    this.#counters.add('read', bytes);
    this.#readBytes += bytes;
    const { bytesPerSecond } = this.#data;
    if (bytesPerSecond === 0) return;
    const dueMs = this.#startedMs + (this.#readBytes / bytesPerSecond) * 1000;
    this.#counters.pause(dueMs - performance.now());
  }
}

export function attributesOf(stat: BigIntStats): Attributes {
  return {
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeUs: microsecondsOf(stat.mtimeNs),
  };
}

export function isSparse(stat: BigIntStats): boolean {
  return stat.blocks * 512n < stat.size;
}

function isSame(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs;
}
