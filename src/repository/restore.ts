/**
 * Restores a backup into a new or empty directory: the contents of the plan's path land directly in it. Directories and
 * links are made here, in the order of the manifest; files are written by threads meanwhile. Every chunk is held against
 * its hash before a byte of it is written; the first one that is damaged ends the restore.
 */
import { FailureError } from '../core/failure.ts';
import { openChunkIndex } from './chunk-index.ts';
import { FileHandout } from './file-handout.ts';
import { checkManifest, readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';
import { type RestoreJob, type RestoreThreadData, restoreCounts } from './restore-messages.ts';
import { selectEntries } from './restore-selection.ts';
import { takeTarget, targetError } from './restore-target.ts';
import { ThreadCounters } from './thread-counters.ts';
import { ThreadPool } from './thread-pool.ts';
import { TreeRestorer } from './tree-restorer.ts';

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

const tellEachMs = 500;
/** Lines after which others have their turn. */
const linesATurn = 256;

/** Rejects with a failure, or with the signal's reason; then the directory keeps a mark that says it is not complete. */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const { repository, manifest, to, include, signal } = options;
  await checkManifest(repository, manifest, signal);
  const selection = await selectEntries(repository, manifest, include, signal);
  const index = await openChunkIndex(repository);
  const target = await takeTarget(to, manifest);
  const counters = new ThreadCounters(restoreCounts);
  const { root, repeated } = target;
  const shared: RestoreThreadData = { repository, to, root, repeated, index: index.shared, counters: counters.memory };
  const threads = new ThreadPool<RestoreJob, void>('restore-thread', import.meta.url, shared);
  const handout = new FileHandout(target, threads, what => orFailed(what, threads, signal));
  const lines = () => readManifest(repository, manifest, signal);
  const tree = new TreeRestorer(target, handout, selection, lines);
  const done = () => ({ bytes: counters.get('bytes'), files: tree.files });
  const telling = setInterval(() => options.onProgress?.(done()), tellEachMs);
  const stop = () => counters.stop();
  signal.addEventListener('abort', stop);
  try {
    let count = 0;
    for await (const line of lines()) {
      signal.throwIfAborted();
      const reading = tree.next(line);
      if (reading) await reading;
      count += 1;
      if (count % linesATurn === 0) await new Promise(resolve => setImmediate(resolve));
      if (count % linesATurn === 0 || handout.isFull) await handout.room();
    }
    await tree.finish(target.complete);
  } catch (error) {
    signal.throwIfAborted();
    throw targetError(to, error);
  } finally {
    signal.removeEventListener('abort', stop);
    clearInterval(telling);
    counters.stop();
    await threads.close();
    options.onProgress?.(done());
  }
  if (include.length > 0 && tree.files === 0 && tree.directories === 0) throw nothingMatched(options);
  return { ...done(), omitted: tree.omitted };
}

/** Waits for a promise; rejects where a thread fails, or with the signal's reason. */
async function orFailed(
  what: Promise<unknown>,
  threads: ThreadPool<RestoreJob, void>,
  signal: AbortSignal,
): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    await Promise.race([what, threads.failed, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function nothingMatched({ include }: RestoreOptions): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'nothing-matched',
    message: `nothing in the backup matches ${include.join(', ')}`,
    hint: 'globs are over paths relative to the source; one without a slash matches a name at any depth',
  });
}
