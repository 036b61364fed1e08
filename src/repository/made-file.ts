/**
 * A file of a restore, from its making to its attributes.
 *
 * 1. It is made exclusively, and no symlink is followed to it.
 * 2. Its owner is set by root, where the system lets it; a file without its owner gets no setuid or setgid either.
 * 3. Its time is set last, so a file that has its size and its time was written to its end.
 */
import {
  type BigIntStats,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { FailureError } from '../core/failure.ts';
import { formatSize } from '../core/sizes.ts';
import { bytePathOf, printablePath } from './byte-path.ts';
import { microsecondsOf, utimeOf } from './file-times.ts';
import { giveOwner, modeFor } from './owners.ts';
import { errorCode } from './repository-failure.ts';
import type { FileHead } from './restore-messages.ts';

/** Makes it (1), and answers it open for writing. With `repeated`, what an earlier try left under its name is replaced. */
export function makeFile(path: Buffer, repeated: boolean): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' || !repeated) throw error;
    unlinkSync(path);
    return openSync(path, flags, 0o600);
  }
}

/** (3) */
export function looksWhole(stat: BigIntStats, { size, mtimeUs }: FileHead['entry']): boolean {
  return stat.isFile() && stat.size === BigInt(size) && microsecondsOf(stat.mtimeNs) === mtimeUs;
}

/** Gives it its length, its owner, its mode and its time, once all of its content is written. */
export function endFile(
  handle: number,
  path: Buffer,
  { size, sparse, uid, gid, mode, mtimeUs }: FileHead['entry'],
): void {
  // What is not sparse was written to its last byte.
  if (sparse) setLength(handle, path, size);
  giveOwner(() => fchownSync(handle, uid, gid));
  fchmodSync(
    handle,
    modeFor({ mode, uid, gid }, () => fstatSync(handle)),
  );
  futimesSync(handle, utimeOf(mtimeUs), utimeOf(mtimeUs));
}

function setLength(handle: number, path: Buffer, bytes: number): void {
  try {
    ftruncateSync(handle, bytes);
  } catch (error) {
    if (errorCode(error) !== 'EFBIG' && errorCode(error) !== 'EINVAL') throw error;
    const at = printablePath(bytePathOf(path));
    const message = `${at} cannot be restored: the file system there takes no file of ${formatSize(bytes)}`;
    const hint = 'restore where the file system takes files of that size, or restore all but this file';
    throw new FailureError({ kind: 'permanent', code: 'target-unwritable', message, hint }, { cause: error });
  }
}
