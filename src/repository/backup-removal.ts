/**
 * Removes backups, each for good, by the id of its run.
 *
 * 1. First the slot gets its other name (slot-file.ts), durably: then the backup is no more. Only then its manifest goes,
 *    with what else its run left; its chunks are for a prune to find.
 * 2. A removed slot still names its manifest, so that whoever comes next finishes what was cut short; once that is done
 *    it is emptied. The empty file stays for a month, so that no commit that was held up brings the backup back.
 * 3. Nothing here needs room on a disk, but for the name of a slot in a directory that is full (prune-room.ts).
 */
import { readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import { isId } from '../core/ids.ts';
import { slotFileOf } from './commit-slot.ts';
import { syncDirectory } from './durable-file.ts';
import { readHeader } from './manifest-reader.ts';
import { PruneRoom } from './prune-room.ts';
import { manifestPath, type Repository, runDirectory, skippedPath } from './repository.ts';
import { atRepository, errorCode, isCorrupt } from './repository-failure.ts';
import { readRemovedSlot, removedBy, removedPath, removeSlotFile } from './slot-file.ts';
import { leaveRegister } from './writers.ts';

const emptyMsMax = 30 * 24 * 60 * 60 * 1000;

/** One that is not there, or is void, is no error. Finishes what removals before it left undone, too. */
export async function removeBackups(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
  room = new PruneRoom(repository),
): Promise<void> {
  await atRepository(repository.path, async () => {
    for (const id of ids) {
      signal.throwIfAborted();
      await room.for(() => removeSlotFile(slotFileOf(repository, id)));
      failpoint('prune.slot-removed');
    }
    await syncDirectory(join(repository.path, 'slots'));
    await finishRemovals(repository, signal);
  });
}

/** Manifests of backups that are removed, as long as that is not finished. */
export async function doomedManifests(repository: Repository): Promise<Set<string>> {
  const doomed = new Set<string>();
  for (const run of await removedRuns(repository))
    for (const manifest of await manifestsOf(repository, run)) doomed.add(manifest);
  return doomed;
}

async function finishRemovals(repository: Repository, signal: AbortSignal): Promise<void> {
  const finished: string[] = [];
  for (const run of await removedRuns(repository)) {
    signal.throwIfAborted();
    const slot = slotFileOf(repository, run);
    await rm(slot.path, { force: true }); // of a commit that was held up
    if (await forgetOld(removedPath(slot))) continue;
    for (const manifest of await manifestsOf(repository, run)) {
      await rm(manifestPath(repository, manifest), { force: true });
      failpoint('prune.manifest-removed');
      await rm(skippedPath(repository, manifest), { force: true });
    }
    await rm(runDirectory(repository, run), { recursive: true, force: true });
    await leaveRegister(repository, run);
    finished.push(removedPath(slot));
  }
  await syncDirectory(join(repository.path, 'manifests'));
  for (const path of finished) {
    await truncate(path);
    failpoint('prune.removal-finished');
  }
}

/** True for a slot that was emptied already. */
async function forgetOld(path: string): Promise<boolean> {
  const { size, mtimeMs } = await stat(path).catch(error => {
    if (errorCode(error) !== 'ENOENT') throw error;
    return { size: 0, mtimeMs: 0 }; // another prune was here
  });
  if (size > 0) return false;
  if (Date.now() - mtimeMs > emptyMsMax) await rm(path, { force: true });
  return true;
}

async function removedRuns(repository: Repository): Promise<string[]> {
  const names = await readdir(join(repository.path, 'slots'));
  return names.map(removedBy).filter(run => run !== undefined && isId(run)) as string[];
}

/** Those that the removed slot of a run names; by their own words, where it is too damaged to say. */
async function manifestsOf(repository: Repository, run: string): Promise<string[]> {
  try {
    const slot = await readRemovedSlot(slotFileOf(repository, run));
    return slot?.slot === 'manifest' ? [slot.manifest] : [];
  } catch (error) {
    if (!isCorrupt(error)) throw error;
  }
  const manifests: string[] = [];
  for (const name of await readdir(join(repository.path, 'manifests'))) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const header = await readHeader(repository, name).catch(error => {
      if (!isCorrupt(error)) throw error;
    });
    if (header?.run === run) manifests.push(name);
  }
  return manifests;
}
