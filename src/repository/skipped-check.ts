/** Checks the lists of what backups left out. A backup without its list can be restored all the same. */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { FailureError } from '../core/failure.ts';
import type { DamageReport } from './damage-report.ts';
import type { ManifestHeader } from './manifest.ts';
import { manifestPath, type Repository, skippedPath } from './repository.ts';
import { errorCode, repositoryError } from './repository-failure.ts';
import { openStored } from './stored-file.ts';
import { addStranger } from './strangers.ts';

/** Holds the list beside a manifest, or that there is none, against the manifest's header. */
export async function checkSkippedList(
  repository: Repository,
  report: DamageReport,
  manifest: string,
  { run, skippedList }: ManifestHeader,
  signal: AbortSignal,
): Promise<void> {
  const found = await hashOf(repository, skippedPath(repository, manifest), signal);
  if (found === skippedList) return;
  const name = `manifests/${manifest}.skipped`;
  if (skippedList === null) return addStranger(report, name, 'its manifest says that nothing was left out');
  const why = found === null ? 'it is gone' : `its content has the hash ${found}`;
  const hint = `the backup ${run} can be restored: only the list of what it left out is lost`;
  report.add('skipped-list', name, why, hint);
}

/** Tells lists, among the names in manifests/, that stand beside no manifest. */
export async function checkLooseLists(
  repository: Repository,
  report: DamageReport,
  names: readonly string[],
  isAccounted: (manifest: string) => boolean,
): Promise<void> {
  for (const name of names) {
    const manifest = /^([0-9a-f]{64})\.skipped$/.exec(name)?.[1];
    if (manifest === undefined || isAccounted(manifest)) continue;
    // A run may have gone on, or have been discarded, since the names were read.
    const [list, tree] = [skippedPath(repository, manifest), manifestPath(repository, manifest)];
    if ((await isThere(list)) && !(await isThere(tree)))
      addStranger(report, `manifests/${name}`, 'its manifest is not there');
  }
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return false;
  }
}

/** Null where the file is not there; a word for what is not a plain file. */
async function hashOf(repository: Repository, path: string, signal: AbortSignal): Promise<string | null> {
  try {
    const hash = createHash('sha256');
    for await (const part of (await openStored(path)).createReadStream({ signal })) hash.update(part);
    return hash.digest('hex');
  } catch (error) {
    signal.throwIfAborted();
    if (errorCode(error) === 'ENOENT') return null;
    if (error instanceof FailureError) return 'of no plain file';
    throw repositoryError(repository.path, error);
  }
}
