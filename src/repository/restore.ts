/**
 * Restores a backup into a new or empty directory: the contents of the plan's path land directly in it. Every chunk is
 * held against its hash before a byte of it is written; the first one that is damaged ends the restore.
 */
import { FailureError } from '../core/failure.ts';
import { type BytePath, parentOf, printablePath } from './byte-path.ts';
import { readChunk } from './chunk-reader.ts';
import { EntryRestorer, type FileRestorer } from './entry-restorer.ts';
import { compileGlobs } from './glob.ts';
import type { Entry, Piece } from './manifest.ts';
import { checkManifest, readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';
import { corrupt } from './repository-failure.ts';
import { takeTarget, targetError } from './restore-target.ts';

export interface RestoreOptions {
  repository: Repository;
  /** sha256 of the manifest of a backup that its slot names. */
  manifest: string;
  /** The directory; made where it is not there. */
  to: string;
  /** Globs over relative paths: what matches comes back, with all that is below it. None means everything. */
  include: readonly string[];
  signal: AbortSignal;
  /** Told after each piece and each entry. */
  onProgress?: (done: { bytes: number; files: number }) => void;
}

export interface RestoreResult {
  bytes: number;
  /** Everything but directories. */
  files: number;
  /** Sockets, pipes and device nodes: they are in the backup by name, and are not made again. */
  omitted: { count: number; first: string[] };
}

const omittedFirst = 20;

/** Rejects with a failure, or with the signal's reason; then the directory keeps a mark that says it is not complete. */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const { repository, manifest, signal } = options;
  await checkManifest(repository, manifest, signal);
  const wanted = await selectEntries(options);
  const target = await takeTarget(options.to, manifest);
  const restore = new Restore(options, new EntryRestorer(target.root, target.repeated), wanted);
  try {
    for await (const line of readManifest(repository, manifest, signal)) {
      signal.throwIfAborted();
      await restore.next(line);
    }
    await restore.finish(target.complete);
  } catch (error) {
    throw targetError(options.to, error);
  } finally {
    await restore.close();
  }
  if (options.include.length > 0 && restore.done.files === 0 && restore.directories === 0)
    throw nothingMatched(options);
  return { ...restore.done, omitted: restore.omitted };
}

interface Selection {
  includes: (entry: Entry) => boolean;
  /** Hard link groups of which a later name is wanted, and the first is not. */
  orphans: Set<number>;
}

/** Directories that match stay matched for all that is below them, which the order of a manifest makes a prefix test. */
function selector(include: readonly string[]): (entry: Entry) => boolean {
  if (include.length === 0) return () => true;
  const matches = compileGlobs(include);
  let below: BytePath | null = null;
  return entry => {
    if (below !== null && entry.path.startsWith(`${below}/`)) return true;
    if (entry.path === '' || !matches(entry.path, entry.type === 'directory')) return false;
    below = entry.type === 'directory' ? entry.path : below;
    return true;
  };
}

async function selectEntries({ repository, manifest, include, signal }: RestoreOptions): Promise<Selection> {
  const orphans = new Set<number>();
  if (include.length === 0) return { includes: () => true, orphans };
  const includes = selector(include);
  const left = new Set<number>();
  for await (const line of readManifest(repository, manifest, signal)) {
    if (line.type === 'file' && line.group !== undefined && !includes(line)) left.add(line.group);
    else if (line.type === 'link' && includes(line) && left.has(line.group)) orphans.add(line.group);
    else if (line.type === 'directory') includes(line);
  }
  return { includes: selector(include), orphans };
}

class Restore {
  readonly done = { bytes: 0, files: 0 };
  readonly omitted: { count: number; first: string[] } = { count: 0, first: [] };
  directories = 0;
  readonly #options: RestoreOptions;
  readonly #restorer: EntryRestorer;
  readonly #selection: Selection;
  /** Where each hard link group's first restored name is. */
  readonly #firstNames = new Map<number, BytePath>();
  /** Contents of groups whose first name is not wanted, until a wanted one comes. */
  readonly #orphans = new Map<number, Extract<Entry, { type: 'file' }>>();
  /** Directories above the current entry that nobody asked for by name: made only when something in them is. */
  #waiting: Extract<Entry, { type: 'directory' }>[] = [];
  #file: { path: BytePath; restorer: FileRestorer } | undefined;
  /** Takes the further pieces of a file that is kept for a later name. */
  #keeping: Piece[] | undefined;

  constructor(options: RestoreOptions, restorer: EntryRestorer, selection: Selection) {
    this.#options = options;
    this.#restorer = restorer;
    this.#selection = selection;
  }

  async next(line: Entry | { type: 'data'; content: Piece[] }): Promise<void> {
    if (line.type === 'data') {
      if (this.#file) await this.#write(line.content);
      // One by one: a spread of a big file's pieces would not fit the stack.
      else for (const piece of line.content) this.#keeping?.push(piece);
      return;
    }
    await this.#closeFile();
    this.#keeping = undefined;
    while (this.#waiting.length > 0 && !isBelow(line.path, this.#waiting.at(-1)?.path ?? '')) this.#waiting.pop();
    if (this.#selection.includes(line)) await this.#restore(line);
    else if (line.type === 'directory') this.#waiting.push(line);
    else if (line.type === 'file' && line.group !== undefined && this.#selection.orphans.has(line.group)) {
      this.#orphans.set(line.group, line);
      this.#keeping = line.content;
    }
  }

  /** Ends the last file and the directories, with the mark gone first, for it would change the time of the outermost. */
  async finish(complete: () => Promise<void>): Promise<void> {
    await this.#closeFile();
    await complete();
    await this.#restorer.finish();
  }

  async close(): Promise<void> {
    await this.#file?.restorer.abandon();
  }

  async #restore(entry: Entry): Promise<void> {
    for (const directory of this.#waiting.splice(0)) await this.#restorer.directory(directory);
    if (entry.type === 'directory') {
      this.directories += 1;
      return this.#restorer.directory(entry);
    }
    this.done.files += 1;
    this.#options.onProgress?.(this.done);
    if (entry.type === 'file') return this.#begin(entry.path, entry);
    if (entry.type === 'symlink') return this.#restorer.symlink(entry);
    if (entry.type === 'link') return this.#link(entry);
    this.omitted.count += 1;
    if (this.omitted.first.length < omittedFirst) this.omitted.first.push(printablePath(entry.path));
  }

  async #link({ path, group }: Extract<Entry, { type: 'link' }>): Promise<void> {
    const first = this.#firstNames.get(group);
    if (first !== undefined) return this.#restorer.link(path, first);
    const kept = this.#orphans.get(group);
    if (!kept) throw corrupt(`the content of ${printablePath(path)} is not in the manifest`);
    this.#orphans.delete(group);
    await this.#begin(path, kept);
  }

  async #begin(path: BytePath, entry: Extract<Entry, { type: 'file' }>): Promise<void> {
    if (entry.group !== undefined) this.#firstNames.set(entry.group, path);
    this.#file = { path, restorer: await this.#restorer.file(path, entry) };
    await this.#write(entry.content);
  }

  async #write(content: readonly Piece[]): Promise<void> {
    if (!this.#file) return;
    const { path, restorer } = this.#file;
    for (const [length, sha256] of content) {
      this.#options.signal.throwIfAborted();
      if (sha256 === undefined) await restorer.hole(length, this.#options.signal);
      else await restorer.bytes(await this.#chunk(path, length, sha256));
      this.done.bytes += length;
      this.#options.onProgress?.(this.done);
    }
  }

  async #chunk(path: BytePath, length: number, sha256: string): Promise<Buffer> {
    const read = await readChunk(this.#options.repository, sha256);
    if (read.damage !== undefined)
      throw corrupt(`${printablePath(path)} cannot be restored: its chunk ${sha256} is ${read.damage}: ${read.why}`);
    if (read.bytes.length === length) return read.bytes;
    throw corrupt(
      `${printablePath(path)} cannot be restored: its chunk ${sha256} has ${read.bytes.length} bytes, not ${length}`,
    );
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.restorer.close();
  }
}

function isBelow(path: BytePath, directory: BytePath): boolean {
  return directory === '' || parentOf(path) === directory || path.startsWith(`${directory}/`);
}

function nothingMatched({ include }: RestoreOptions): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'nothing-matched',
    message: `nothing in the backup matches ${include.join(', ')}`,
    hint: 'globs are over paths relative to the source; one without a slash matches a name at any depth',
  });
}
