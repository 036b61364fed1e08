/**
 * Backs a source up: walks it, has what it does not know read by a pool of threads, which store what the repository does
 * not have, and stages a manifest. It decides nothing: the backup exists only when a commit names that manifest. Run again
 * after a stop or a crash, it finds its chunks there.
 */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { FailureError } from '../../core/failure.ts';
import { ChunkSet } from '../../repository/chunk-set.ts';
import { readSlot } from '../../repository/commit-slot.ts';
import { chunksOf } from '../../repository/frame.ts';
import { leftBehind } from '../../repository/garbage.ts';
import { ManifestWriter } from '../../repository/manifest-writer.ts';
import { indexPacks, listPacks } from '../../repository/pack-list.ts';
import { openOrCreateRepository, type Repository, skippedPath } from '../../repository/repository.ts';
import { atRepository } from '../../repository/repository-failure.ts';
import { openRunDirectory } from '../../repository/run-files.ts';
import { salvagePacks } from '../../repository/salvage.ts';
import { register } from '../../repository/writers.ts';
import { type Base, openBase } from './base.ts';
import type { EngineResultOf } from './events.ts';
import type { JobOf } from './job.ts';
import { verdictOf } from './outcome.ts';
import type { ProgressMeter } from './progress-meter.ts';
import { ReadCounters } from './read-messages.ts';
import { ReadPool } from './read-pool.ts';
import { SkippedList } from './skipped-list.ts';
import { forbiddenDirectories, openSource, refuseSourceInside, type Source } from './source.ts';
import { countSource } from './source-count.ts';
import { type WalkOptions, walkSource } from './source-walk.ts';
import { TreeWriter } from './tree-writer.ts';
import { entriesATurn, turn } from './turn.ts';

/** Of an entry, names and lines that waited so long that only a thorough collection finds them, and their buffers. */
const bytesLeftBehind = 2 * 1024;

type BackupJob = JobOf<'backup'>;

/** Rejects with a failure, or with the signal's reason once nothing of this run is being written any more. */
export async function backUp(
  job: BackupJob,
  meter: ProgressMeter,
  signal: AbortSignal,
): Promise<EngineResultOf<'backup'>> {
  const source = await openSource(job.source);
  const repository = await openOrCreateRepository(job.repository);
  const isForbidden = await forbiddenDirectories([...job.excludeDirs, job.repository]);
  await refuseSourceInside(source, isForbidden);
  await refuseDecided(repository, job.run);
  const backup = await openBackup(job, source, repository, meter, signal);
  try {
    return await backup.run(isForbidden);
  } finally {
    await backup.close();
  }
}

async function refuseDecided(repository: Repository, run: string): Promise<void> {
  const slot = await readSlot(repository, run);
  if (!slot) return;
  throw new FailureError({
    kind: 'permanent',
    code: 'superseded',
    message: `the run ${run} is decided: its slot holds ${slot.slot === 'void' ? 'void' : `the manifest ${slot.manifest}`}`,
    hint: 'start another backup',
  });
}

/** Takes stock of what the repository has, what an earlier attempt of this run left included. */
async function openBackup(
  job: BackupJob,
  source: Source,
  repository: Repository,
  meter: ProgressMeter,
  signal: AbortSignal,
): Promise<Backup> {
  return atRepository(repository.path, async () => {
    await register(repository, job.run); // before it counts on anything that is there
    const known = new ChunkSet();
    for await (const pack of listPacks(repository))
      for (const { head } of pack.frames) for (const { sha256 } of chunksOf(head)) known.add(sha256);
    const directory = await openRunDirectory(repository, job.run, () => salvagePacks(repository, job.run, known));
    const of = { plan: job.plan, source: job.source.path };
    const base = job.rescan ? undefined : await openBase(repository, of, known, signal);
    return new Backup(job, source, repository, directory, meter, signal, known, base);
  });
}

class Backup {
  readonly #job: BackupJob;
  readonly #source: Source;
  readonly #repository: Repository;
  readonly #meter: ProgressMeter;
  readonly #signal: AbortSignal;
  readonly #startedAt = new Date().toISOString();
  readonly #counters = new ReadCounters();
  readonly #pool: ReadPool;
  readonly #base: Base | undefined;
  readonly #manifest: ManifestWriter;
  readonly #skipped: SkippedList;
  readonly #tree: TreeWriter;

  constructor(
    job: BackupJob,
    source: Source,
    repository: Repository,
    directory: string,
    meter: ProgressMeter,
    signal: AbortSignal,
    known: ChunkSet,
    base: Base | undefined,
  ) {
    this.#job = job;
    this.#source = source;
    this.#repository = repository;
    this.#meter = meter;
    this.#signal = signal;
    this.#base = base;
    const shared = { known: known.memory, counters: this.#counters.memory };
    this.#pool = new ReadPool({ repository, run: job.run, root: source.root, ...shared }, job.bytesPerSecond ?? 0);
    this.#manifest = new ManifestWriter(repository, job.run);
    this.#skipped = new SkippedList(join(directory, 'skipped'));
    this.#tree = new TreeWriter({
      root: source.root,
      pool: this.#pool,
      base,
      manifest: this.#manifest,
      leaveOut: (path, why, code) => this.#skipped.add(path, why, code),
      meter,
    });
  }

  async run(isForbidden: (found: BigIntStats) => boolean): Promise<EngineResultOf<'backup'>> {
    this.#meter.read = () => this.#counters.read + this.#tree.bytesKnown;
    const counting = new AbortController();
    const walk = this.#walkOptions(isForbidden);
    const counted = this.#count({ ...walk, signal: AbortSignal.any([this.#signal, counting.signal]) });
    const stop = () => this.#counters.stop();
    this.#signal.addEventListener('abort', stop);
    if (this.#signal.aborted) stop();
    try {
      await Promise.race([this.#walk(walk), this.#pool.failed, abortOf(this.#signal)]);
      return await this.#stage();
    } catch (error) {
      // What is read already is kept for the next attempt.
      if (this.#signal.aborted) await this.#pool.end('keep').catch(() => undefined);
      // On a full disk the room is needed to say how the run ended; packs that have their names stay.
      else if (isFull(error)) await this.#dropDrafts();
      throw error;
    } finally {
      this.#signal.removeEventListener('abort', stop);
      counting.abort();
      await counted;
    }
  }

  async #dropDrafts(): Promise<void> {
    await this.#pool.close();
    await openRunDirectory(this.#repository, this.#job.run);
  }

  /** Undecided runs stay registered: what they stored must stay too, for they may go on. */
  async close(): Promise<void> {
    await this.#pool.close();
    await this.#base?.close();
    await this.#manifest.abandon();
    this.#skipped.abandon();
  }

  #walkOptions(isForbidden: (found: BigIntStats) => boolean): WalkOptions {
    return {
      source: this.#source,
      exclude: this.#job.source.exclude ?? [],
      oneFileSystem: this.#job.source.oneFileSystem ?? false,
      isForbidden,
      signal: this.#signal,
      onSkipped: (path, why, code) => this.#skipped.add(path, why, code),
    };
  }

  /** The last backup's totals are near enough to know how much is left; without one the source is counted. */
  async #count(walk: WalkOptions): Promise<void> {
    if (this.#base) this.#meter.totals = { ...this.#base.header.totals };
    else await countSource(walk, this.#meter);
  }

  async #walk(options: WalkOptions): Promise<void> {
    let entries = 0;
    for (const found of walkSource(options)) {
      const adding = this.#tree.add(found);
      if (adding) await adding;
      entries += 1;
      if (entries % entriesATurn === 0) {
        leftBehind(entriesATurn * bytesLeftBehind);
        await turn();
      }
      this.#signal.throwIfAborted();
    }
    await this.#tree.finish();
  }

  async #stage(): Promise<EngineResultOf<'backup'>> {
    await this.#pool.end('finish');
    const { run, plan, source } = this.#job;
    const header = { run, plan, source: source.path, startedAt: this.#startedAt, endedAt: new Date().toISOString() };
    const list = await atRepository(this.#repository.path, async () => {
      await indexPacks(this.#repository, run);
      return this.#skipped.close();
    });
    this.#signal.throwIfAborted();
    const skipped = { skipped: { ...this.#skipped.counts }, skippedList: list?.sha256 ?? null };
    const manifest = await this.#manifest.stage({ ...header, ...skipped }, list?.path ?? null);
    const { files, bytes } = this.#manifest.totals;
    return {
      task: 'backup',
      ...verdictOf(this.#job, { files, bytes }, this.#skipped.counts),
      manifest,
      bytes,
      files,
      bytesRead: this.#counters.read,
      bytesStored: this.#counters.stored,
      skipped: {
        count: this.#skipped.count,
        first: this.#skipped.first,
        path: list === null ? null : skippedPath(this.#repository, manifest),
      },
    };
  }
}

function isFull(error: unknown): boolean {
  return error instanceof FailureError && error.failure.code === 'repository-full';
}

function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}
