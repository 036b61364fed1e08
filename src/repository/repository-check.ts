/**
 * Checks a repository, all of it or what one backup needs: every file that a backup relies on, and which backups and which
 * of their files each damage touches. It changes nothing, goes on after damage, and may run beside a backup.
 *
 * 1. With all data read there is no bit of such a file that could have turned, no end cut off, no file removed, swapped
 *    or copied over another, without its being told: each file has a hash of its own and its name, or its run, in it.
 * 2. A backup is called damaged where a restore of all of it would fail, and only there. What is not read is taken to be
 *    as its pack's table says.
 * 3. Slots are read first: what they name was whole, and in the index, before they were made.
 * 4. Where anything is wrong, and a prune took or moved something meanwhile, all is looked at anew.
 * 5. Memory is that of the chunk index, however much is damaged.
 */
import { FailureError } from '../core/failure.ts';
import { type ChunkIndex, openChunkIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { type CheckedBackup, type Damage, DamageReport } from './damage-report.ts';
import { tellMissing } from './missing-chunks.ts';
import { type CheckedData, type CheckedPacks, type CheckProgress, checkPacks } from './pack-check.ts';
import { isPrunedSince, pruneTraces } from './prune-traces.ts';
import { openRepository, type Repository } from './repository.ts';
import { atRepository } from './repository-failure.ts';
import { checkSlots, type ReadableBackup } from './slot-check.ts';
import { checkNames } from './strangers.ts';
import { neededPacks, TreeCheck } from './tree-check.ts';

export interface RepositoryCheckOptions {
  repository: Repository;
  data: CheckedData;
  /** Id of the backup that is judged alone, with what it needs; undefined for the whole repository. */
  backup?: string;
  signal: AbortSignal;
  /** Told of the packs whose data is read, after each frame. */
  onProgress?: (done: CheckProgress) => void;
  /** From 0 up to, and without, 1; `Math.random` where it is not given. Chooses the packs of a share. */
  random?: () => number;
}

export interface RepositoryCheck {
  /** Packs that were looked at, and their bytes. */
  packs: number;
  bytes: number;
  /** How many, and the first 100. */
  damages: { count: number; first: Damage[] };
  /** All that were judged, damaged or not. */
  backups: CheckedBackup[];
}

/**
 * Damage is a result. Rejects with a failure where the repository cannot be read, or does not have the backup
 * (`backup-missing`), or with the signal's reason.
 */
export async function checkRepository(options: RepositoryCheckOptions): Promise<RepositoryCheck> {
  return atRepository(options.repository.path, () => check(options));
}

/** So often a check begins anew because of prunes that ran beside it. */
const checksMax = 10;

async function check(options: RepositoryCheckOptions): Promise<RepositoryCheck> {
  for (let checks = 1; ; checks += 1) {
    const before = await pruneTraces(options.repository);
    const checked = await checkOnce(options);
    if (checked.damages.count === 0 || checks === checksMax) return checked;
    if (!isPrunedSince(before, await pruneTraces(options.repository))) return checked;
  }
}

async function checkOnce(options: RepositoryCheckOptions): Promise<RepositoryCheck> {
  const { repository, backup: only, signal } = options;
  const report = new DamageReport();
  await checkSelf(repository, report);
  if (only === undefined) await checkNames(repository, report);
  const readable = await checkSlots(repository, report, signal, only);
  if (only !== undefined && readable.length + report.damages.count === 0) throw missingBackup(repository, only);
  const index = await openChunkIndex(repository);
  const trees = new Trees(repository, report, index);
  for (const backup of readable) await trees.need(backup, signal);
  const { random = Math.random } = options;
  const onlyNeeded = only !== undefined;
  const checked = await checkPacks({ ...options, random, report, needed: trees.needed, onlyNeeded });
  await trees.judge(checked, signal);
  return { packs: checked.packs, bytes: checked.bytes, damages: report.damages, backups: report.backups };
}

/** The file that was sound when the repository was opened. */
async function checkSelf(repository: Repository, report: DamageReport): Promise<void> {
  try {
    await openRepository(repository.path);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    report.add('repository', 'repository.json', error.failure.message, error.failure.hint);
  }
}

/** The trees of the backups that can be read. */
class Trees {
  readonly needed = new Set<string>();
  readonly #repository: Repository;
  readonly #report: DamageReport;
  readonly #index: ChunkIndex;
  readonly #backups: { manifest: string; backup: CheckedBackup }[] = [];
  #missing = false;

  constructor(repository: Repository, report: DamageReport, index: ChunkIndex) {
    this.#repository = repository;
    this.#report = report;
    this.#index = index;
  }

  async need({ id, manifest, header }: ReadableBackup, signal: AbortSignal): Promise<void> {
    try {
      const { missing } = await neededPacks(this.#repository, manifest, this.#index, this.needed, signal);
      this.#missing ||= missing;
      this.#backups.push({ manifest, backup: this.#report.addBackup(id, header.plan) });
    } catch (error) {
      if (!(error instanceof FailureError) || error.failure.code !== 'data-corrupt') throw error;
      // It has the hash that is its name: so it was written, and no damage made it so.
      this.#report.add('manifest', `manifests/${manifest}`, error.failure.message, 'report this: it was written so');
      this.#report.addLost(id, header.plan, error.failure.message);
    }
  }

  /** Finds the files that the damage touches; where there is none, there is nothing to read. */
  async judge({ suspects }: CheckedPacks, signal: AbortSignal): Promise<void> {
    if (!this.#missing && suspects.size === 0) return;
    const chunks = new ChunkReader(this.#repository, this.#index);
    try {
      const trees = new TreeCheck(this.#repository, this.#index, chunks, suspects);
      for (const { manifest, backup } of this.#backups) await trees.check(manifest, backup, signal);
      await tellMissing(this.#repository, this.#report, trees.missing, suspects);
    } finally {
      chunks.close();
    }
  }
}

function missingBackup(repository: Repository, id: string): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'backup-missing',
    message: `the repository ${repository.path} has no backup ${id}`,
    hint: 'list the backups of the repository, and name one of those',
  });
}
