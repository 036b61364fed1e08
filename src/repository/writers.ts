/**
 * The writers' register: a run that writes to a repository stands in it from before it looks at what is there until its
 * slot is decided. A prune takes nothing that a run that is registered may count on: what it condemns, it sweeps only once
 * every run that was registered by then has ended.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory, writeSynced } from './durable-file.ts';
import { type Repository, writerPath } from './repository.ts';
import { errorCode } from './repository-failure.ts';

/** Enters a run, durably. May be called again, by a later attempt of it. */
export async function register(repository: Repository, run: string): Promise<void> {
  try {
    await writeSynced(writerPath(repository, run), `${JSON.stringify({ run, since: new Date().toISOString() })}\n`);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  await syncDirectory(join(repository.path, 'writers'));
}

/** Takes a run out, once its slot is decided. May be called twice. */
export async function leaveRegister(repository: Repository, run: string): Promise<void> {
  await rm(writerPath(repository, run), { force: true });
}

/** The runs that stand in it. */
export async function registeredWriters(repository: Repository): Promise<string[]> {
  return readdir(join(repository.path, 'writers'));
}
