/**
 * Holds a restored directory against its backup: every entry of the manifest by its kind, its size, each byte of its
 * content, its mode, its time and what it leads to; and that nothing else is there. The directory is the checker's own:
 * where a mode keeps its owner out, it is let in once the mode was looked at.
 */
import { hash } from 'node:crypto';
import { type BigIntStats, chmodSync, closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { failpoint } from '../core/failpoint.ts';
import { type BytePath, bytePathOf, bytePathOfText, printablePath, under } from './byte-path.ts';
import { chunkSizes, isZero } from './chunker.ts';
import { microsecondsOf } from './file-times.ts';
import type { Entry, Piece } from './manifest.ts';
import { readManifest } from './manifest-reader.ts';
import { modeFor } from './owners.ts';
import { readAt } from './read-at.ts';
import type { Repository } from './repository.ts';
import { errorCode } from './repository-failure.ts';

export interface RestoredCheckOptions {
  repository: Repository;
  /** sha256 of the manifest of the backup. */
  manifest: string;
  /** The directory that it was restored into. */
  to: string;
  signal: AbortSignal;
  /** Told after each entry. */
  onProgress?: (done: { bytes: number; files: number }) => void;
}

export interface RestoredResult {
  bytes: number;
  /** Everything but directories, and but sockets, pipes and device nodes, which no restore makes. */
  files: number;
  /** How many entries are not as they were backed up, and the first of them. */
  different: { count: number; first: { path: string; why: string }[] };
}

type Of<Type extends Entry['type']> = Extract<Entry, { type: Type }>;

const firstMax = 20;
/** Lines after which others have their turn. */
const linesATurn = 64;
const readBytes = 1024 * 1024;

/** Rejects with `data-corrupt` where the manifest is damaged; what is different is a result. */
export async function checkRestored(options: RestoredCheckOptions): Promise<RestoredResult> {
  const { repository, manifest, to, signal, onProgress } = options;
  const check = new RestoredCheck(to);
  failpoint('restored.check-begun');
  let lines = 0;
  for await (const line of readManifest(repository, manifest, signal)) {
    signal.throwIfAborted();
    if (line.type === 'data') check.goOn(line.content);
    else check.next(line);
    onProgress?.(check.done);
    lines += 1;
    if (lines % linesATurn === 0) await new Promise(resolve => setImmediate(resolve));
  }
  check.next(undefined);
  await check.countOthers(signal);
  return { ...check.done, different: check.different };
}

class RestoredCheck {
  readonly done = { bytes: 0, files: 0 };
  readonly different: RestoredResult['different'] = { count: 0, first: [] };
  readonly #root: BytePath;
  readonly #groups = new Map<number, bigint>();
  /** Entries of the manifest that a restore makes. */
  #entries = 0;
  /** The file whose content is being read. */
  #open: { path: BytePath; file: number; at: number; isToldOf: boolean } | undefined;

  constructor(to: string) {
    this.#root = bytePathOfText(to);
  }

  /** The next entry; undefined after the last one. */
  next(entry: Entry | undefined): void {
    if (this.#open) closeSync(this.#open.file);
    this.#open = undefined;
    if (!entry || entry.type === 'special') return;
    this.#entries += 1;
    if (entry.type !== 'directory') this.done.files += 1;
    const path = under(this.#root, entry.path);
    try {
      const why = this.#check(entry, path, lstatSync(path, { bigint: true }));
      if (why !== undefined) this.#tell(entry.path, why);
    } catch (error) {
      this.#tell(entry.path, errorCode(error) === 'ENOENT' ? 'it is missing' : `it cannot be read: ${String(error)}`);
    }
  }

  /** More of the content of the last file. */
  goOn(content: readonly Piece[]): void {
    const open = this.#open;
    if (!open) return;
    for (const piece of content) {
      if (open.isToldOf) return;
      const [length, sha256] = piece;
      const at = open.at;
      open.at += length;
      this.done.bytes += length;
      if (isThere(open.file, piece, at)) continue;
      open.isToldOf = true;
      this.#tell(open.path, `its content from byte ${at} on is not that of the chunk ${sha256 ?? 'of a hole'}`);
    }
  }

  /** Tells what lies there beside the entries of the manifest. */
  async countOthers(signal: AbortSignal): Promise<void> {
    const found = await countBelow(under(this.#root, ''), signal);
    if (found > this.#entries - 1 && this.different.count === 0)
      this.#tell('', `it has ${found} entries, and the backup ${this.#entries - 1}`);
  }

  /** Why an entry is not as it was backed up, as far as that is not its content. */
  #check(entry: Exclude<Entry, Of<'special'>>, path: Buffer, stats: BigIntStats): string | undefined {
    if (entry.type === 'link')
      return this.#groups.get(entry.group) === stats.ino ? undefined : 'it is no hard link to its first name';
    if (entry.type === 'symlink') {
      if (!stats.isSymbolicLink()) return 'it is no symbolic link';
      return bytePathOf(readlinkSync(path, { encoding: 'buffer' })) === entry.target ? undefined : 'it leads elsewhere';
    }
    const isKind = entry.type === 'file' ? stats.isFile() : stats.isDirectory();
    if (!isKind) return `it is no ${entry.type}`;
    const owner = { uid: Number(stats.uid), gid: Number(stats.gid) };
    const why =
      differs(
        'mode',
        Number(stats.mode & 0o7777n),
        modeFor(entry, () => owner),
      ) ??
      differs('time', microsecondsOf(stats.mtimeNs), entry.mtimeUs) ??
      (entry.type === 'file' ? differs('size', Number(stats.size), entry.size) : undefined);
    const needed = entry.type === 'file' ? 0o600n : 0o700n;
    if ((stats.mode & needed) !== needed) chmodSync(path, Number((stats.mode & 0o777n) | needed));
    if (entry.type === 'file') this.#begin(entry, path, stats, why !== undefined);
    return why;
  }

  #begin({ path: name, group, content }: Of<'file'>, path: Buffer, { ino }: BigIntStats, isToldOf: boolean): void {
    if (group !== undefined) this.#groups.set(group, ino);
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    this.#open = { path: name, file, at: 0, isToldOf };
    this.goOn(content);
  }

  #tell(path: BytePath, why: string): void {
    this.different.count += 1;
    if (this.different.first.length < firstMax) this.different.first.push({ path: printablePath(path) || '.', why });
  }
}

function differs(what: string, is: number, was: number): string | undefined {
  if (is === was) return undefined;
  return what === 'mode' ? `its mode is ${is.toString(8)}, not ${was.toString(8)}` : `its ${what} is ${is}, not ${was}`;
}

function isThere(file: number, [length, sha256]: Piece, at: number): boolean {
  if (sha256 !== undefined) {
    if (length > chunkSizes.maxBytes) return false; // no chunk is: a manifest may say anything
    return hash('sha256', readAt(file, Buffer.allocUnsafe(length), at), 'hex') === sha256;
  }
  for (let done = 0; done < length; done += readBytes) {
    const wanted = Math.min(readBytes, length - done);
    const read = readAt(file, Buffer.allocUnsafe(wanted), at + done);
    if (read.length < wanted || !isZero(read)) return false;
  }
  return true;
}

async function countBelow(directory: Buffer, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const entry of await opendir(directory as unknown as string, { encoding: 'buffer' as 'utf8' })) {
    signal.throwIfAborted();
    count += 1;
    const name = entry.name as unknown as Buffer;
    if (entry.isDirectory()) count += await countBelow(Buffer.concat([directory, Buffer.from('/'), name]), signal);
  }
  return count;
}
