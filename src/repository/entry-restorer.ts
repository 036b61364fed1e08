/**
 * Writes one entry after another below a directory, in the order of a manifest.
 *
 * 1. Whatever it makes it makes exclusively, below directories that it made itself; it follows no symlink. TreeOrder
 *    holds that no entry stands below one.
 * 2. A directory's mode and times are set when the order leaves it, after all that is in it.
 * 3. Owners are set by root, where the system lets it; a file without its owner gets no setuid or setgid either.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, lchown, link, lstat, lutimes, mkdir, open, symlink, unlink } from 'node:fs/promises';
import { type BytePath, bytesOf, parentOf, under } from './byte-path.ts';
import { isZero } from './chunker.ts';
import { utimeOf } from './file-times.ts';
import type { Attributes, Entry } from './manifest.ts';
import { errorCode } from './repository-failure.ts';

type Of<Type extends Entry['type']> = Extract<Entry, { type: Type }>;

/** The blocks in which a sparse file's zeros are found again. */
const blockBytes = 4096;
const zeros = Buffer.alloc(1024 * 1024);

export class EntryRestorer {
  readonly #root: BytePath;
  readonly #repeated: boolean;
  /** Directories that are open in the order, outermost first. */
  #open: Of<'directory'>[] = [];

  /** With `repeated`, what an earlier try left under an entry's name is replaced, and a directory used. */
  constructor(root: BytePath, repeated: boolean) {
    this.#root = root;
    this.#repeated = repeated;
  }

  async directory(entry: Of<'directory'>): Promise<void> {
    await this.#leaveFor(entry.path);
    if (entry.path !== '') await this.#makeDirectory(entry.path);
    this.#open.push(entry);
  }

  async symlink(entry: Of<'symlink'>): Promise<void> {
    await this.#leaveFor(entry.path);
    await this.#make(entry.path, path => symlink(bytesOf(entry.target), path));
    const path = under(this.#root, entry.path);
    await giveOwner(() => lchown(path, entry.uid, entry.gid));
    await lutimes(path, utimeOf(entry.mtimeUs), utimeOf(entry.mtimeUs));
  }

  /** Makes `path` another name of the file at `first`, which stands already. */
  async link(path: BytePath, first: BytePath): Promise<void> {
    await this.#leaveFor(path);
    await this.#make(path, at => link(under(this.#root, first), at));
  }

  /** Makes the file, empty; the caller writes its content, and closes it. */
  async file(path: BytePath, entry: Of<'file'>): Promise<FileRestorer> {
    await this.#leaveFor(path);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await this.#make(path, at => open(at, flags, 0o600));
    return new FileRestorer(handle, entry);
  }

  /** Gives the directories that are left open their modes and times. */
  async finish(): Promise<void> {
    while (this.#open.length > 0) await this.#leave();
  }

  async #leaveFor(path: BytePath): Promise<void> {
    const parent = parentOf(path);
    while (this.#open.length > 0 && !isAtOrAbove(this.#open.at(-1)?.path ?? '', parent)) await this.#leave();
  }

  async #leave(): Promise<void> {
    const entry = this.#open.pop();
    if (!entry) return;
    const path = under(this.#root, entry.path);
    await giveOwner(() => lchown(path, entry.uid, entry.gid));
    await chmod(path, await modeFor(entry, () => lstat(path)));
    await lutimes(path, utimeOf(entry.mtimeUs), utimeOf(entry.mtimeUs));
  }

  async #make<T>(path: BytePath, create: (at: Buffer) => Promise<T>): Promise<T> {
    const at = under(this.#root, path);
    try {
      return await create(at);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !this.#repeated) throw error;
      await unlink(at);
      return create(at);
    }
  }

  async #makeDirectory(path: BytePath): Promise<void> {
    const at = under(this.#root, path);
    try {
      await mkdir(at, { mode: 0o700 });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !this.#repeated || !(await lstat(at)).isDirectory()) throw error;
      // An earlier try may have given it a mode that keeps its own owner out.
      await chmod(at, 0o700);
    }
  }
}

/** One file on its way back. Pieces come in order; `close` gives it its attributes. */
export class FileRestorer {
  readonly #handle: FileHandle;
  readonly #entry: Of<'file'>;
  #at = 0;

  constructor(handle: FileHandle, entry: Of<'file'>) {
    this.#handle = handle;
    this.#entry = entry;
  }

  /** Writes a chunk's bytes; in a sparse file, blocks of zeros are left out. */
  async bytes(bytes: Buffer): Promise<void> {
    const start = this.#at;
    this.#at += bytes.length;
    if (!this.#entry.sparse) return writeAll(this.#handle, bytes, start);
    let from = 0;
    while (from < bytes.length) {
      // Blocks are those of the file, so that they can be holes on disk.
      let to = from;
      while (to < bytes.length && !isZero(blockAt(bytes, start, to))) to += blockAt(bytes, start, to).length;
      if (to > from) await writeAll(this.#handle, bytes.subarray(from, to), start + from);
      while (to < bytes.length && isZero(blockAt(bytes, start, to))) to += blockAt(bytes, start, to).length;
      from = to;
    }
  }

  /** A run of zeros: a hole where the file was sparse, else zeros. */
  async hole(length: number, signal: AbortSignal): Promise<void> {
    const end = this.#at + length;
    for (let at = this.#at; at < end && !this.#entry.sparse; at += zeros.length) {
      signal.throwIfAborted();
      await writeAll(this.#handle, zeros.subarray(0, Math.min(zeros.length, end - at)), at);
    }
    this.#at = end;
  }

  async close(): Promise<void> {
    try {
      await this.#handle.truncate(this.#at);
      await giveOwner(() => this.#handle.chown(this.#entry.uid, this.#entry.gid));
      await this.#handle.chmod(await modeFor(this.#entry, () => this.#handle.stat()));
      await this.#handle.utimes(utimeOf(this.#entry.mtimeUs), utimeOf(this.#entry.mtimeUs));
    } finally {
      await this.#handle.close();
    }
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
  }
}

function blockAt(bytes: Buffer, start: number, at: number): Buffer {
  const rest = blockBytes - ((start + at) % blockBytes);
  return bytes.subarray(at, Math.min(bytes.length, at + rest));
}

async function writeAll(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** Only root gives files away, and not everywhere (a container or a share may forbid it): else they stay ours. */
async function giveOwner(chown: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return;
  try {
    await chown();
  } catch (error) {
    if (errorCode(error) !== 'EPERM') throw error;
  }
}

/** Setuid and setgid are given only to files of the owner that they were meant for (3). */
async function modeFor(entry: Attributes, stat: () => Promise<{ uid: number; gid: number }>): Promise<number> {
  if ((entry.mode & 0o6000) === 0) return entry.mode;
  const { uid, gid } = await stat();
  return uid === entry.uid && gid === entry.gid ? entry.mode : entry.mode & 0o1777;
}

function isAtOrAbove(directory: BytePath, path: BytePath): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`);
}
