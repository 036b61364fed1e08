/**
 * The directory that a restore writes into. It must be new or empty; while the restore is under way a mark lies in it,
 * so that the same restore may be repeated there after it was cut short, and anybody sees that it is not complete.
 */
import { lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { type BytePath, bytePathOf } from './byte-path.ts';
import { writeSynced } from './durable-file.ts';
import { errorCode } from './repository-failure.ts';

export interface RestoreTarget {
  /** The real directory. */
  root: BytePath;
  /** An earlier try of this restore was cut short here: what it wrote may be replaced. */
  repeated: boolean;
  /** Takes the mark away: the restore is complete. */
  complete: () => Promise<void>;
}

/** Takes a directory for the restore of this manifest. Rejects with a failure where it holds anything else. */
export async function takeTarget(path: string, manifest: string): Promise<RestoreTarget> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const real = await realpath(path, { encoding: 'buffer' });
    const mark = join(path, `.reeve-restore-${manifest.slice(0, 16)}`);
    const names = await readdir(path);
    const repeated = names.length > 0 && (await lstat(mark).catch(() => undefined))?.isFile() === true;
    if (names.length > 0 && !repeated) throw notEmpty(path);
    if (!repeated) await writeSynced(mark, 'A restore is under way here, or was cut short.\n');
    return { root: bytePathOf(real), repeated, complete: () => rm(mark, { force: true }) };
  } catch (error) {
    throw targetError(path, error);
  }
}

function notEmpty(path: string): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'target-not-empty',
    message: `${path} is not empty: a restore never writes among other files`,
    hint: 'name a directory that is empty, or not there yet',
  });
}

/** What the file system says about the target, as a failure; anything else is handed back as it is. */
export function targetError(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof FailureError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new FailureError(
    {
      kind: 'permanent',
      code: isFull ? 'target-full' : 'target-unwritable',
      message: `cannot restore into ${path}: ${(error as Error).message}`,
      hint: isFull ? 'free space there, and restore again' : 'name a directory that can be written',
    },
    { cause: error },
  );
}
