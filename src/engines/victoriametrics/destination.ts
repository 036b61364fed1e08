/**
 * Where a backup lies: a destination of its own, named as its run, under the repository's URL. A run over the backup of
 * another would take that one's marker away first, and a cancel would then have lost it.
 */
import { lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FailureError } from '../../core/failure.ts';
import { isId } from '../../core/ids.ts';
import { type RepositoryConfigOf, repositoryPathOf } from '../../domain/repository-config.ts';
import type { RunResult } from '../../domain/run.ts';
import { errorCode, repositoryError } from '../../repository/repository-failure.ts';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { completeMarker } from './facts.ts';
import { checkParts } from './parts-check.ts';

export function repositoryOf({ repository }: Pick<EngineScope, 'repository'>): RepositoryConfigOf<'vmbackup'> {
  if (repository.type === 'vmbackup') return repository;
  throw new Error(`the engine victoriametrics has no repository of type ${repository.type}`);
}

export function destinationUrl(scope: Pick<EngineScope, 'repository'>, name: string): string {
  return `${repositoryOf(scope).url.replace(/\/+$/, '')}/${checked(name)}`;
}

/** Its directory; undefined in a store that is no file system. */
export function destinationPath({ repository }: Pick<EngineScope, 'repository'>, name: string): string | undefined {
  const path = repositoryPathOf(repository);
  return path === undefined ? undefined : join(path, checked(name));
}

/** Makes the repository's directory where only that one is missing: a disk that is not mounted is not written around. */
export async function openRepository(scope: Pick<EngineScope, 'repository'>): Promise<void> {
  const path = repositoryPathOf(scope.repository);
  if (path === undefined) return;
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw repositoryError(path, error);
  }
}

/**
 * Rejects with `proof-missing` unless the marker is there, which is written last, and all that vmbackup counted: it makes
 * the way to its destination anew where the disk went away under it. Of an object store it knows nothing.
 */
export async function proveStored(
  scope: Pick<EngineScope, 'repository'>,
  name: string,
  { bytes, files }: Pick<RunResult, 'bytes' | 'files'>,
  signal: AbortSignal,
): Promise<void> {
  const path = destinationPath(scope, name);
  if (path === undefined) return;
  const job = { path, bytes: bytes ?? 0, files: files ?? 0 };
  const { damagedCount, damaged } = await checkParts(job, () => signal.throwIfAborted()).catch(error => {
    throw repositoryError(path, error);
  });
  if (damagedCount === 0) return;
  const message = `the backup at ${path} is not whole: ${damaged.slice(0, 3).join('; ')}`;
  throw permanent('proof-missing', message, 'see whether its disk was away meanwhile; the next run starts anew');
}

/** Removes a destination that will never be committed; resolves with what had to be left, and why. May be called twice. */
export async function discardDestination(scope: EngineScope): Promise<string[]> {
  const { id, pids } = scope.run;
  const path = destinationPath(scope, id);
  if (path === undefined)
    return [`${destinationUrl(scope, id)}: what it uploaded is not removed from an object store, remove it there`];
  if (!(await isThere(path))) return [];
  if (pids.length > 0) return [`${path}: processes that may write there could not be ended`];
  if (!(await isDestination(path))) return [`${path}: it is not the directory that the run made`];
  await rm(path, { recursive: true, force: true });
  return [];
}

/** Removes the destination of a backup, its marker first, so that no half of it is taken for a whole. May be called twice. */
export async function removeDestination(scope: Pick<EngineScope, 'repository'>, name: string): Promise<void> {
  const path = destinationPath(scope, name);
  if (path === undefined) throw notRemovable(repositoryOf(scope).url);
  if (!(await isThere(path))) return await requireMounted(dirname(path));
  if (!(await isDestination(path)))
    throw permanent('engine-failed', `${path} is not the directory that a backup made`, 'see who put it there');
  try {
    await rm(join(path, completeMarker), { force: true });
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    throw repositoryError(path, error);
  }
}

/** Of a backup that is not there: that its disk is, as far as can be told. */
async function requireMounted(repository: string): Promise<void> {
  const names = await readdir(repository).catch(error => {
    throw repositoryError(repository, error);
  });
  if (names.length > 0) return;
  throw permanent('repository-unreachable', `the repository ${repository} is empty`, 'see whether its disk is mounted');
}

/** Why no backup of a store that is no file system can be removed. */
export function notRemovable(url: string): FailureError {
  return permanent(
    'engine-failed',
    `backups at ${url} cannot be removed: vmbackup has no command for it, and it is no directory of this host`,
    'leave out the retention of the plan, and let the store expire them',
  );
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    error => {
      if (errorCode(error) === 'ENOENT') return false;
      throw repositoryError(path, error);
    },
  );
}

/** Never through a link that somebody put in its place. */
async function isDestination(path: string): Promise<boolean> {
  const isDirectory = (await lstat(path)).isDirectory();
  return isDirectory && (await realpath(path)) === join(await realpath(dirname(path)), basename(path));
}

/** Rejects unless a restore may write there: `vmrestore` deletes whatever the backup does not have. */
export async function refuseFilled(path: string): Promise<void> {
  const names = await readdir(path).catch(error => {
    if (errorCode(error) === 'ENOENT') return [];
    throw permanent('engine-failed', `cannot restore into ${path}: ${error.message}`, 'name another directory');
  });
  if (names.length === 0) return;
  throw permanent(
    'engine-failed',
    `${path} is not empty: a restore never writes among other files`,
    'name a directory that is empty, or not there yet',
  );
}

/** What the catalog calls a backup comes over NATS, and must not lead out of the repository. */
function checked(name: string): string {
  if (isId(name)) return name;
  throw permanent('data-corrupt', `${JSON.stringify(name)} is no name of a backup of this engine`, '');
}
