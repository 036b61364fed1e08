/** Files and names that survive a power failure once these promises are kept. */
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { errorCode } from './repository-failure.ts';

/** Owner only: a repository holds copies of private files. */
export const fileMode = 0o600;
export const directoryMode = 0o700;

/** Writes a new file and syncs it; rejects with EEXIST where the name is taken. The name itself is not yet durable. */
export async function writeSynced(
  path: string,
  content: string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, fileMode);
  try {
    const parts = typeof content === 'string' ? [Buffer.from(content)] : content;
    for await (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes a directory whose parent exists, and says whether it did; one that is there already is fine. The way to it is
 * never made: where a disk went away, a repository would begin to grow in its place.
 */
export async function ensureDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: directoryMode });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

/** Makes the names in a directory durable: what was created, linked or renamed there before this call. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
