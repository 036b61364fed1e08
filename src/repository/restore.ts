/**
 * Restores a backup into a new or empty directory: the contents of the plan's path land directly in it. Directories and
 * links are made here, in the order of the manifest; files are written by threads meanwhile. Every chunk is held against
 * its hash before a byte of it is written; the first one that is damaged ends the restore.
 */
import { FailureError } from '../core/failure.ts';
import { type BytePath, parentOf, printablePath } from './byte-path.ts';
import { type ChunkIndex, openChunkIndex } from './chunk-index.ts';
import { EntryRestorer } from './entry-restorer.ts';
import type { FileToRestore } from './file-restorer.ts';
import { compileGlobs } from './glob.ts';
import type { Entry, Piece } from './manifest.ts';
import { checkManifest, readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';
import { corrupt } from './repository-failure.ts';
import { type RestoreThreadData, restoreCounts } from './restore-messages.ts';
import { type RestoreTarget, takeTarget, targetError } from './restore-target.ts';
import { ThreadCounters } from './thread-counters.ts';
import { ThreadPool } from './thread-pool.ts';

export interface RestoreOptions {
  repository: Repository;
  /** sha256 of the manifest of a backup that its slot names. */
  manifest: string;
  /** The directory; made where it is not there. */
  to: string;
  /** Globs over relative paths: what matches comes back, with all that is below it. None means everything. */
  include: readonly string[];
  signal: AbortSignal;
  /** Told twice a second. */
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
const tellEachMs = 500;
/** Files are handed to threads in batches of this many, or of this many bytes. */
const batchFiles = 256;
const batchBytes = 4 * 1024 * 1024;
/** Batches that may wait for a thread, before the manifest is read on. */
const waitingMax = 8;
/** Entries after which others have their turn. */
const entriesATurn = 256;

/** Rejects with a failure, or with the signal's reason; then the directory keeps a mark that says it is not complete. */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const { repository, manifest, signal } = options;
  await checkManifest(repository, manifest, signal);
  const wanted = await selectEntries(options);
  const index = await openChunkIndex(repository);
  const target = await takeTarget(options.to, manifest);
  const restore = new Restore(options, target, index, wanted);
  const telling = setInterval(() => restore.tell(), tellEachMs);
  const stop = () => restore.stop();
  signal.addEventListener('abort', stop);
  try {
    for await (const line of readManifest(repository, manifest, signal)) {
      signal.throwIfAborted();
      const pause = restore.next(line);
      if (pause) await pause;
    }
    await restore.finish(target.complete);
  } catch (error) {
    signal.throwIfAborted();
    throw targetError(options.to, error);
  } finally {
    signal.removeEventListener('abort', stop);
    clearInterval(telling);
    await restore.close();
    restore.tell();
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

type FileEntry = Extract<Entry, { type: 'file' }>;

class Restore {
  readonly done = { bytes: 0, files: 0 };
  readonly omitted: { count: number; first: string[] } = { count: 0, first: [] };
  directories = 0;
  readonly #options: RestoreOptions;
  readonly #restorer: EntryRestorer;
  readonly #selection: Selection;
  readonly #counters = new ThreadCounters(restoreCounts);
  readonly #threads: ThreadPool<FileToRestore[], void>;
  readonly #writing = new Set<Promise<void>>();
  #batch: FileToRestore[] = [];
  #batchBytes = 0;
  /** Where each hard link group's first restored name is. */
  readonly #firstNames = new Map<number, BytePath>();
  /** Further names wait until the files that they name are written. */
  readonly #links: { path: BytePath; first: BytePath }[] = [];
  /** Contents of groups whose first name is not wanted, until a wanted one comes. */
  readonly #orphans = new Map<number, FileEntry>();
  /** Directories above the current entry that nobody asked for by name: made only when something in them is. */
  #waiting: Extract<Entry, { type: 'directory' }>[] = [];
  /** Takes the further pieces of the file before. */
  #content: Piece[] | undefined;
  /** That file, where it is to be written. */
  #file: FileToRestore | undefined;
  #entries = 0;

  constructor(options: RestoreOptions, target: RestoreTarget, index: ChunkIndex, selection: Selection) {
    const { root, repeated } = target;
    const { repository, to } = options;
    this.#options = options;
    this.#restorer = new EntryRestorer(root, repeated);
    this.#selection = selection;
    const shared = { index: index.shared, counters: this.#counters.memory };
    const data: RestoreThreadData = { repository, to, root, repeated, ...shared };
    this.#threads = new ThreadPool('restore-thread', import.meta.url, data);
  }

  /** Answers a promise where others must have their turn, or too much waits. */
  next(line: Entry | { type: 'data'; content: Piece[] }): Promise<void> | undefined {
    if (line.type === 'data') {
      // One by one: a spread of a big file's pieces would not fit the stack.
      for (const piece of line.content) this.#content?.push(piece);
      return undefined;
    }
    this.#endFile();
    while (this.#waiting.length > 0 && !isBelow(line.path, this.#waiting.at(-1)?.path ?? '')) this.#waiting.pop();
    if (this.#selection.includes(line)) this.#restore(line);
    else if (line.type === 'directory') this.#waiting.push(line);
    else if (line.type === 'file' && line.group !== undefined && this.#selection.orphans.has(line.group)) {
      this.#orphans.set(line.group, line);
      this.#content = line.content;
    }
    this.#entries += 1;
    return this.#entries % entriesATurn === 0 || this.#threads.waiting > waitingMax ? this.#rest() : undefined;
  }

  tell(): void {
    this.done.bytes = this.#counters.get('bytes');
    this.#options.onProgress?.(this.done);
  }

  stop(): void {
    this.#counters.stop();
  }

  /** Ends the files, then the links and the directories, with the mark gone first, for it would change the time of the outermost. */
  async finish(complete: () => Promise<void>): Promise<void> {
    this.#endFile();
    this.#flush();
    await this.#orFailed(Promise.all(this.#writing));
    for (const { path, first } of this.#links) this.#restorer.link(path, first);
    await complete();
    this.#restorer.finish();
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }

  async #rest(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    while (this.#threads.waiting > waitingMax) await this.#orFailed(Promise.race(this.#writing));
  }

  async #orFailed(what: Promise<unknown>): Promise<void> {
    const { signal } = this.#options;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      signal.throwIfAborted();
      await Promise.race([what, this.#threads.failed, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #restore(entry: Entry): void {
    for (const directory of this.#waiting.splice(0)) this.#restorer.directory(directory);
    if (entry.type === 'directory') {
      this.directories += 1;
      this.#restorer.directory(entry);
      return;
    }
    this.done.files += 1;
    if (entry.type === 'file') this.#begin(entry.path, entry);
    else if (entry.type === 'symlink') this.#restorer.symlink(entry);
    else if (entry.type === 'link') this.#link(entry);
    else {
      this.omitted.count += 1;
      if (this.omitted.first.length < omittedFirst) this.omitted.first.push(printablePath(entry.path));
    }
  }

  #link({ path, group }: Extract<Entry, { type: 'link' }>): void {
    const first = this.#firstNames.get(group);
    if (first !== undefined) {
      this.#links.push({ path, first });
      return;
    }
    const kept = this.#orphans.get(group);
    if (!kept) throw corrupt(`the content of ${printablePath(path)} is not in the manifest`);
    this.#orphans.delete(group);
    this.#begin(path, kept);
  }

  #begin(path: BytePath, entry: FileEntry): void {
    if (entry.group !== undefined) this.#firstNames.set(entry.group, path);
    this.#file = { path, entry, content: entry.content };
    this.#content = entry.content;
  }

  /** The file before has all of its content by now. */
  #endFile(): void {
    const file = this.#file;
    this.#file = undefined;
    this.#content = undefined;
    if (!file) return;
    const { size, sparse, mode, uid, gid, mtimeUs } = file.entry;
    this.#batch.push({ ...file, entry: { size, ...(sparse && { sparse }), mode, uid, gid, mtimeUs } });
    this.#batchBytes += size;
    if (this.#batch.length >= batchFiles || this.#batchBytes >= batchBytes) this.#flush();
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const writing = this.#threads.run(this.#batch).then(() => void this.#writing.delete(writing));
    this.#writing.add(writing);
    this.#batch = [];
    this.#batchBytes = 0;
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
