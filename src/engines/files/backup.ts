/**
 * Backs a source up: walks it, has what it does not know read by a pool of threads, which store what the repository does
 * not have, and stages a manifest. It decides nothing: the backup exists only when a commit names that manifest. Run again
 * after a stop or a crash, it finds its chunks there.
 */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { failpoint } from '../../core/failpoint.ts';
import { FailureError } from '../../core/failure.ts';
import { readSlot } from '../../repository/commit-slot.ts';
import { leftBehind } from '../../repository/garbage.ts';
import { ManifestWriter } from '../../repository/manifest-writer.ts';
import { indexPacks } from '../../repository/pack-list.ts';
import { openOrCreateRepository, type Repository, skippedPath } from '../../repository/repository.ts';
import { atRepository, isFull } from '../../repository/repository-failure.ts';
import { openRunDirectory } from '../../repository/run-files.ts';
import type { ProgressMeter } from '../progress-meter.ts';
import { verdictOf } from '../verdict.ts';
import { Companions } from './companions.ts';
import { eitherOf } from './earlier-attempt.ts';
import type { EngineResultOf } from './events.ts';
import type { JobOf } from './job.ts';
import { ReadCounters } from './read-messages.ts';
import { ReadPool } from './read-pool.ts';
import { SkippedList } from './skipped-list.ts';
import { forbiddenDirectories, openSource, refuseSourceInside, type Source } from './source.ts';
import { countSource } from './source-count.ts';
import { type WalkOptions, walkSource } from './source-walk.ts';
import { type Stock, takeStock } from './stock.ts';
import { TreeWriter } from './tree-writer.ts';
import { entriesATurn, turn } from './turn.ts';

/**
 * What an entry leaves behind: its stat, its path, its line. Where it waits for others to be read it grows so old that only
 * a thorough collection finds it, and with it hang buffers.
 */
const [bytesLeftBehind, bytesLeftWaiting] = [512, 1536];

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
  const stock = await takeStock(job, repository, signal);
  const backup = new Backup({ job, source, stock, meter, signal });
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

interface BackupOptions {
  job: BackupJob;
  source: Source;
  stock: Stock;
  meter: ProgressMeter;
  signal: AbortSignal;
}

class Backup {
  readonly #options: BackupOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #counters = new ReadCounters();
  readonly #companions: Companions;
  readonly #pool: ReadPool;
  readonly #manifest: ManifestWriter;
  readonly #skipped: SkippedList;
  readonly #tree: TreeWriter;

  constructor(options: BackupOptions) {
    this.#options = options;
    const { job, source, meter } = options;
    const { repository, known, attempt } = options.stock;
    const base = eitherOf(attempt.base, options.stock.base);
    const { root } = source;
    this.#companions = new Companions({ ...options.stock, run: job.run, counters: this.#counters });
    const shared = { known: known.memory, counters: this.#counters.memory };
    this.#pool = new ReadPool({ repository, run: job.run, root, ...shared }, job.bytesPerSecond ?? 0);
    this.#manifest = new ManifestWriter(repository, job.run);
    this.#skipped = new SkippedList(join(attempt.directory, 'skipped'));
    const leaveOut = this.#skipped.add.bind(this.#skipped);
    this.#tree = new TreeWriter({ root, pool: this.#pool, base, manifest: this.#manifest, leaveOut, meter });
  }

  async run(isForbidden: (found: BigIntStats) => boolean): Promise<EngineResultOf<'backup'>> {
    const { meter, signal } = this.#options;
    meter.read = () => this.#counters.get('read') + this.#tree.bytesKnown;
    const counting = new AbortController();
    const walk = this.#walkOptions(isForbidden);
    const counted = this.#count({ ...walk, signal: AbortSignal.any([signal, counting.signal]) });
    const stop = () => this.#counters.stop();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    this.#companions.begin();
    try {
      await Promise.race([this.#walk(walk), this.#pool.failed, abortOf(signal)]);
      return await this.#stage();
    } catch (error) {
      // On a full disk the room is needed to say how the run ended; packs that have their names stay.
      if (isFull(error)) await this.#dropDrafts();
      else await this.#keep();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      counting.abort();
      await counted;
    }
  }

  /** What is read already, for the next attempt. */
  async #keep(): Promise<void> {
    failpoint('backup.before-keep');
    if (this.#options.signal.aborted) await this.#pool.end('keep').catch(() => undefined);
    await this.#manifest.keep().catch(() => undefined);
  }

  async #dropDrafts(): Promise<void> {
    this.#counters.stop();
    await this.#pool.close();
    await openRunDirectory(this.#options.stock.repository, this.#options.job.run);
  }

  /** Undecided runs stay registered: what they stored must stay too, for they may go on. */
  async close(): Promise<void> {
    this.#companions.close();
    this.#counters.stop();
    await this.#pool.close();
    await this.#options.stock.attempt.base?.close();
    await this.#options.stock.base?.close();
    await this.#manifest.abandon();
    this.#skipped.abandon();
  }

  #walkOptions(isForbidden: (found: BigIntStats) => boolean): WalkOptions {
    const { job, source, signal } = this.#options;
    return {
      source,
      exclude: job.source.exclude ?? [],
      oneFileSystem: job.source.oneFileSystem ?? false,
      isForbidden,
      signal,
      onSkipped: (path, why, code) => this.#skipped.add(path, why, code),
    };
  }

  /** The last backup's totals are near enough to know how much is left; without one the source is counted. */
  async #count(walk: WalkOptions): Promise<void> {
    const { stock, meter } = this.#options;
    const header = stock.base?.header;
    if (header) meter.totals = { ...header.totals };
    else await countSource(walk, meter);
  }

  async #walk(options: WalkOptions): Promise<void> {
    let [entries, waited] = [0, 0];
    for (const found of walkSource(options)) {
      const adding = this.#tree.add(found);
      if (adding) await adding;
      entries += 1;
      if (entries % entriesATurn === 0) {
        leftBehind(entriesATurn * bytesLeftBehind + (this.#tree.waited - waited) * bytesLeftWaiting);
        waited = this.#tree.waited;
        await turn();
      }
      this.#options.signal.throwIfAborted();
    }
    await this.#tree.finish();
  }

  async #stage(): Promise<EngineResultOf<'backup'>> {
    await this.#pool.end('finish');
    await this.#pool.close(); // what the index takes comes in place of what they had
    const { job, signal } = this.#options;
    const { repository } = this.#options.stock;
    const { run, plan, source } = job;
    const header = { run, plan, source: source.path, startedAt: this.#startedAt, endedAt: new Date().toISOString() };
    const list = await atRepository(repository.path, async () => {
      await indexPacks(repository, run);
      return this.#skipped.close();
    });
    signal.throwIfAborted();
    const skipped = { skipped: { ...this.#skipped.counts }, skippedList: list?.sha256 ?? null };
    const manifest = await this.#manifest.stage({ ...header, ...skipped }, list?.path ?? null);
    const { files, bytes } = this.#manifest.totals;
    return {
      task: 'backup',
      ...verdictOf({ ...job, source: job.source.path }, { files, bytes }, this.#skipped.counts),
      manifest,
      bytes,
      files,
      bytesRead: this.#counters.get('read'),
      bytesStored: this.#counters.get('stored'),
      skipped: {
        count: this.#skipped.count,
        first: this.#skipped.first,
        path: list === null ? null : skippedPath(repository, manifest),
      },
    };
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}
