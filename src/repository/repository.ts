/**
 * A repository on a local path: where its parts lie, how it comes to be, and what it refuses to be opened as.
 *
 *   repository.json         format and id, created exclusively
 *   chunks/ab/<sha256>      pieces of file contents, named by the hash of their plain bytes
 *   manifests/<sha256>      a tree each, named by the hash of the file; beside it <sha256>.skipped where files were left out
 *   slots/<run>             commit slots: a backup exists only once its slot says so (invariant 1)
 *   tmp/<run>/              what a run is writing
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import { directoryMode, syncDirectory, writeSynced } from './durable-file.ts';
import { atRepository, errorCode } from './repository-failure.ts';

export const repositoryFormat = 1;

const parts = ['chunks', 'manifests', 'slots', 'tmp'] as const;
/** What an empty directory may hold besides: a fresh file system has it. */
const tolerated = new Set<string>([...parts, 'lost+found']);

export interface Repository {
  /** Absolute. */
  path: string;
  /** Random, made with the repository. */
  id: string;
}

export const chunkPath = (repository: Repository, sha256: string): string =>
  join(repository.path, 'chunks', sha256.slice(0, 2), sha256);
export const manifestPath = (repository: Repository, sha256: string): string =>
  join(repository.path, 'manifests', sha256);
export const skippedPath = (repository: Repository, sha256: string): string =>
  join(repository.path, 'manifests', `${sha256}.skipped`);
export const slotPath = (repository: Repository, run: string): string =>
  join(repository.path, 'slots', checkedRun(run));
export const runDirectory = (repository: Repository, run: string): string =>
  join(repository.path, 'tmp', checkedRun(run));

/** Opens the repository at `path`. Rejects with a failure where there is none, or one of another format. */
export async function openRepository(path: string): Promise<Repository> {
  const repository = await atRepository(path, () => readRepository(path));
  if (repository) return repository;
  throw new FailureError({
    kind: 'permanent',
    code: 'repository-unreachable',
    message: `there is no repository at ${path}: it has no repository.json`,
    hint: 'check the path, and that its disk is mounted',
  });
}

/**
 * Opens the repository at `path`, or makes one where the directory is missing or empty; the directory above must be
 * there. Two callers at once make one repository. A directory that holds anything else is refused.
 */
export async function openOrCreateRepository(path: string): Promise<Repository> {
  return atRepository(path, async () => (await readRepository(path)) ?? (await createRepository(path)));
}

async function readRepository(path: string): Promise<Repository | undefined> {
  try {
    return { path, id: idOf(path, await readFile(join(path, 'repository.json'), 'utf8')) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function idOf(path: string, text: string): string {
  let stored: { format?: unknown; id?: unknown } | null = null;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, 'its repository.json is not JSON', 'restore that file from a copy of the repository', cause);
  }
  if (stored?.format !== repositoryFormat || typeof stored.id !== 'string')
    throw unusable(
      path,
      `it has format ${String(stored?.format)}, this version knows ${repositoryFormat}`,
      'use the version of Reeve that wrote it, or a newer one',
    );
  return stored.id;
}

async function createRepository(path: string): Promise<Repository> {
  if (await ensureDirectory(path)) await syncDirectory(dirname(path));
  const strangers = (await readdir(path)).filter(name => !tolerated.has(name));
  if (strangers.includes('repository.json')) return openRepository(path);
  if (strangers.length > 0)
    throw unusable(path, `it is not empty and not a repository`, 'name an empty or a new directory');
  for (const part of parts) await ensureDirectory(join(path, part));
  const draft = join(path, 'tmp', `repository-${randomBytes(8).toString('hex')}`);
  const content = { format: repositoryFormat, id: randomUUID(), createdAt: new Date().toISOString() };
  await writeSynced(draft, `${JSON.stringify(content, null, 2)}\n`);
  try {
    await link(draft, join(path, 'repository.json'));
  } catch (error) {
    // Somebody else made it first: then theirs is the one.
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(path);
  return openRepository(path);
}

/** Makes a directory whose parent exists, and says whether it did; one that is there already is fine. */
export async function ensureDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: directoryMode });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

function unusable(path: string, why: string, hint: string, cause?: unknown): FailureError {
  const message = `the repository ${path} cannot be used: ${why}`;
  return new FailureError({ kind: 'permanent', code: 'repository-unreachable', message, hint }, { cause });
}

/** A run's id names files, so nothing but an id may pass. */
function checkedRun(run: string): string {
  if (!isId(run)) throw new TypeError(`"${run}" is not the id of a run`);
  return run;
}
