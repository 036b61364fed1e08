/**
 * Writes files back, for one thread. Every chunk is held against its hash before a byte of it is written.
 *
 * 1. A file is made exclusively, and no symlink is followed to it.
 * 2. Owners are set by root, where the system lets it; a file without its owner gets no setuid or setgid either.
 * 3. Its time is set last, so a file that has its size and its time was written to its end: where a restore is repeated it
 *    is read, and stays if its content is right.
 */
import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { FailureError } from '../core/failure.ts';
import { formatSize } from '../core/sizes.ts';
import { type BytePath, bytePathOf, bytesOf, printablePath, under } from './byte-path.ts';
import type { ChunkReader } from './chunk-reader.ts';
import { chunkSizes, isZero } from './chunker.ts';
import { microsecondsOf, utimeOf } from './file-times.ts';
import type { Attributes, Entry, Piece } from './manifest.ts';
import { giveOwner, modeFor } from './owners.ts';
import { readAt } from './read-at.ts';
import { corrupt, errorCode } from './repository-failure.ts';
import { JobStopped } from './thread-pool.ts';

/** A file to be written, with all of its content. */
export interface FileToRestore {
  path: BytePath;
  entry: Pick<Extract<Entry, { type: 'file' }>, 'size' | 'sparse' | keyof Attributes>;
  content: Piece[];
}

export interface FileRestorerOptions {
  /** The real directory of the restore. */
  root: BytePath;
  /** An earlier try may have left files. */
  repeated: boolean;
  /** Told how many bytes are written, or found written. */
  onBytes: (bytes: number) => void;
  isStopped: () => boolean;
}

/** The blocks in which a sparse file's zeros are found again. */
const blockBytes = 4096;
const zeros = Buffer.alloc(1024 * 1024);
/** So few are written without asking how much is free. */
const zerosUnasked = 64 * 1024 * 1024;

export class FileRestorer {
  readonly #options: FileRestorerOptions;
  readonly #chunks: ChunkReader;

  constructor(options: FileRestorerOptions, chunks: ChunkReader) {
    this.#options = options;
    this.#chunks = chunks;
  }

  /** Throws a failure where a chunk is damaged, the system's error where the file cannot be written, and JobStopped. */
  restore(file: FileToRestore): void {
    const path = under(this.#options.root, file.path);
    if (this.#options.repeated && this.#isThere(path, file)) return;
    this.#refuseZeros(path, file);
    const handle = this.#make(path);
    try {
      const bytes = this.#write(handle, file);
      // What is not sparse was written to its last byte.
      if (file.entry.sparse) setLength(handle, path, bytes);
      const { uid, gid, mtimeUs } = file.entry;
      giveOwner(() => fchownSync(handle, uid, gid));
      fchmodSync(
        handle,
        modeFor(file.entry, () => fstatSync(handle)),
      );
      futimesSync(handle, utimeOf(mtimeUs), utimeOf(mtimeUs));
    } finally {
      closeSync(handle);
    }
  }

  /** Zeros that are holes in the backup are written where the file was not sparse: refused before they fill the disk. */
  #refuseZeros(path: Buffer, { entry, content }: FileToRestore): void {
    let zeroBytes = 0;
    if (!entry.sparse) for (const [length, sha256] of content) if (sha256 === undefined) zeroBytes += length;
    if (zeroBytes < zerosUnasked) return;
    const { bavail, bsize } = statfsSync(bytesOf(this.#options.root));
    const free = Number(bavail) * Number(bsize);
    if (zeroBytes <= free) return;
    const message = `${printableAt(path)} has ${formatSize(zeroBytes)} of zeros, and ${formatSize(free)} are free there`;
    const hint = 'restore where there is room, or restore all but this file';
    throw new FailureError({ kind: 'permanent', code: 'target-full', message, hint });
  }

  #make(path: Buffer): number {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    try {
      return openSync(path, flags, 0o600);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !this.#options.repeated) throw error;
      unlinkSync(path);
      return openSync(path, flags, 0o600);
    }
  }

  #write(handle: number, { path, entry, content }: FileToRestore): number {
    let at = 0;
    for (const [length, sha256] of content) {
      if (this.#options.isStopped()) throw new JobStopped();
      if (sha256 !== undefined) {
        const bytes = this.#chunk(path, length, sha256);
        if (entry.sparse) writeSparse(handle, bytes, at);
        else writeAll(handle, bytes, at);
        this.#options.onBytes(length);
      } else if (entry.sparse) this.#options.onBytes(length);
      else this.#writeZeros(handle, at, at + length);
      at += length;
    }
    return at;
  }

  #writeZeros(handle: number, from: number, to: number): void {
    for (let at = from; at < to; at += zeros.length) {
      if (this.#options.isStopped()) throw new JobStopped();
      const length = Math.min(zeros.length, to - at);
      writeAll(handle, zeros.subarray(0, length), at);
      this.#options.onBytes(length);
    }
  }

  #chunk(path: BytePath, length: number, sha256: string): Buffer {
    const read = this.#chunks.read(sha256);
    const lost = `${printablePath(path)} cannot be restored: its chunk ${sha256}`;
    if (read.damage !== undefined) throw corrupt(`${lost} is ${read.damage}: ${read.why}`);
    if (read.bytes.length === length) return read.bytes;
    throw corrupt(`${lost} has ${read.bytes.length} bytes, not ${length}`);
  }

  /** (3) */
  #isThere(path: Buffer, { entry, content }: FileToRestore): boolean {
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return false;
    }
    try {
      const stat = fstatSync(file, { bigint: true });
      if (!stat.isFile() || stat.size !== BigInt(entry.size) || microsecondsOf(stat.mtimeNs) !== entry.mtimeUs)
        return false;
      let at = 0;
      for (const [length, sha256] of content) {
        if (this.#options.isStopped()) throw new JobStopped();
        if (sha256 !== undefined && !hasChunk(file, at, length, sha256)) return false;
        at += length;
      }
      this.#options.onBytes(at);
      return true;
    } finally {
      closeSync(file);
    }
  }
}

function setLength(handle: number, path: Buffer, bytes: number): void {
  try {
    ftruncateSync(handle, bytes);
  } catch (error) {
    if (errorCode(error) !== 'EFBIG' && errorCode(error) !== 'EINVAL') throw error;
    const message = `${printableAt(path)} cannot be restored: the file system there takes no file of ${formatSize(bytes)}`;
    const hint = 'restore where the file system takes files of that size, or restore all but this file';
    throw new FailureError({ kind: 'permanent', code: 'target-unwritable', message, hint }, { cause: error });
  }
}

function printableAt(path: Buffer): string {
  return printablePath(bytePathOf(path));
}

function hasChunk(file: number, at: number, length: number, sha256: string): boolean {
  if (length > chunkSizes.maxBytes) return false; // no chunk is: a manifest may say anything
  return hash('sha256', readAt(file, Buffer.allocUnsafe(length), at), 'hex') === sha256;
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
