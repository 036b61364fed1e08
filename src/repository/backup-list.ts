/** The backups of a repository: the runs whose slot holds a manifest, and nothing else (invariant 1). */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import { readSlot } from './commit-slot.ts';
import type { ManifestHeader } from './manifest.ts';
import { readHeader } from './manifest-reader.ts';
import type { Repository } from './repository.ts';
import { atRepository, isCorrupt } from './repository-failure.ts';

export interface StoredBackup {
  /** The id of its run. */
  id: string;
  outcome: 'completed' | 'partial';
  completedAt: string;
  /** sha256 of the manifest. */
  manifest: string;
  /** Plan, source, times and totals; null where the manifest cannot be read. */
  header: ManifestHeader | null;
}

/** All backups, newest first. `damagedSlots` are ids whose slot cannot be read, which is never hidden. */
export async function listBackups(
  repository: Repository,
): Promise<{ backups: StoredBackup[]; damagedSlots: string[] }> {
  const backups: StoredBackup[] = [];
  const damagedSlots: string[] = [];
  const runs = await atRepository(repository.path, () => readdir(join(repository.path, 'slots')));
  for (const run of runs.filter(isId)) {
    try {
      const backup = await storedBackup(repository, run);
      if (backup) backups.push(backup);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      damagedSlots.push(run);
    }
  }
  backups.sort((one, other) =>
    one.completedAt < other.completedAt ? 1 : one.completedAt > other.completedAt ? -1 : 0,
  );
  return { backups, damagedSlots };
}

/** One backup by the id of its run; rejects with `backup-missing` where there is none. */
export async function findBackup(repository: Repository, id: string): Promise<StoredBackup> {
  const backup = isId(id) ? await storedBackup(repository, id) : undefined;
  if (backup) return backup;
  throw new FailureError({
    kind: 'permanent',
    code: 'backup-missing',
    message: `the repository ${repository.path} has no backup ${id}`,
    hint: 'list the backups of the repository, and name one of those',
  });
}

/**
 * The answer of `reading`, which reads a backup. Where it fails, or `isDoubtful` says so of its answer, and the backup was
 * removed meanwhile, it rejects with that: `backup-missing`.
 */
export async function whileStored<T>(
  repository: Repository,
  id: string,
  reading: () => Promise<T>,
  isDoubtful: (answer: T) => boolean = () => false,
): Promise<T> {
  let answer: T;
  try {
    answer = await reading();
  } catch (error) {
    throw (await isRemoved(repository, id)) ? removedMeanwhile(repository, id, error) : error;
  }
  if (isDoubtful(answer) && (await isRemoved(repository, id))) throw removedMeanwhile(repository, id);
  return answer;
}

async function isRemoved(repository: Repository, id: string): Promise<boolean> {
  return (await readSlot(repository, id).catch(() => undefined))?.slot === 'void';
}

function removedMeanwhile(repository: Repository, id: string, cause?: unknown): FailureError {
  const message = `the backup ${id} was removed from the repository ${repository.path} while it was read`;
  const hint = 'list the backups of the repository, and name one of those';
  return new FailureError({ kind: 'permanent', code: 'backup-missing', message, hint }, { cause });
}

async function storedBackup(repository: Repository, id: string): Promise<StoredBackup | undefined> {
  const slot = await readSlot(repository, id);
  if (slot?.slot !== 'manifest') return undefined;
  const { outcome, at: completedAt, manifest } = slot;
  const header = await headerOrNull(repository, manifest);
  // It may have been removed since.
  if (!header && (await readSlot(repository, id))?.slot !== 'manifest') return undefined;
  return { id, outcome, completedAt, manifest, header };
}

async function headerOrNull(repository: Repository, manifest: string): Promise<ManifestHeader | null> {
  try {
    return await readHeader(repository, manifest);
  } catch (error) {
    if (isCorrupt(error)) return null;
    throw error;
  }
}
