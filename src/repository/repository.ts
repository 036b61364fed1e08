/**
 * A repository on a local path: where its parts lie, how it comes to be, and what it refuses to be opened as.
 *
 *   repository.json         format and id, created exclusively, with a check of itself (sealed-json.ts)
 *   packs/ab/<id>           chunks of file contents, in frames (pack.ts, frame.ts); beside it <id>.damaged where it is so
 *   packs/ab/<id>.condemned.<generation>   one that a prune is about to take away, and
 *   condemned/<generation>  the runs that it waits for (condemnation.ts)
 *   index/<sha256>          what is in which pack, named by the hash of the file; made anew from the packs where it is lost
 *   manifests/<sha256>      a tree each, named by the hash of the file; beside it <sha256>.skipped where files were left out
 *   slots/<run>             commit slots: a backup exists only once its slot says so (invariant 1)
 *   writers/<run>           a run that writes here, for a prune that must not take what it counts on
 *   tmp/<run>/              what a run is writing
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { link, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import { ensureDirectory, syncDirectory, writeSynced } from './durable-file.ts';
import { atRepository, errorCode } from './repository-failure.ts';
import { openSealedJson, sealJson } from './sealed-json.ts';

export const repositoryFormat = 2;

const parts = ['packs', 'index', 'manifests', 'slots', 'writers', 'condemned', 'tmp'] as const;
/** What an empty directory may hold besides: a fresh file system has it. */
const tolerated = new Set<string>([...parts, 'lost+found']);

export interface Repository {
  /** Absolute. */
  path: string;
  /** Random, made with the repository. */
  id: string;
}

export const packPath = (repository: Repository, id: string): string =>
  join(repository.path, 'packs', id.slice(0, 2), id);
export const indexPath = (repository: Repository, sha256: string): string => join(repository.path, 'index', sha256);
export const writerPath = (repository: Repository, run: string): string =>
  join(repository.path, 'writers', checkedRun(run));
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
    return { path, id: idOf(path, await firstOf(join(path, 'repository.json'))) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is longer is none, and is not read to its end. */
const selfBytesMax = 64 * 1024;

async function firstOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(selfBytesMax), 0, selfBytesMax, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function idOf(path: string, text: string): string {
  let stored: Record<string, unknown>;
  try {
    stored = openSealedJson(text);
  } catch (cause) {
    const format = unsealedFormat(text);
    if (format !== undefined) throw otherFormat(path, format);
    const why = `its repository.json is damaged: ${(cause as Error).message}`;
    throw unusable(path, why, 'put back that file from a copy of the repository', cause);
  }
  if (stored.format === repositoryFormat && typeof stored.id === 'string') return stored.id;
  throw otherFormat(path, stored.format);
}

/** What a repository.json of another format says that it is; one without a check is of the first. */
function unsealedFormat(text: string): unknown {
  try {
    const { format, check } = JSON.parse(text) ?? {};
    return check === undefined && format !== repositoryFormat ? format : undefined;
  } catch {
    return undefined;
  }
}

function otherFormat(path: string, format: unknown): FailureError {
  return unusable(
    path,
    `it has format ${String(format)}, this version knows ${repositoryFormat}`,
    'use the version of Reeve that wrote it, or a newer one',
  );
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
  await writeSynced(draft, sealJson(content));
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

function unusable(path: string, why: string, hint: string, cause?: unknown): FailureError {
  const message = `the repository ${path} cannot be used: ${why}`;
  return new FailureError({ kind: 'permanent', code: 'repository-unreachable', message, hint }, { cause });
}

/** A run's id names files, so nothing but an id may pass. */
function checkedRun(run: string): string {
  if (!isId(run)) throw new TypeError(`"${run}" is not the id of a run`);
  return run;
}
