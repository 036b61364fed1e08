/** Opens what a repository holds for reading. A repository may come from anybody, so nothing but a plain file is read. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { corrupt, errorCode } from './repository-failure.ts';

/** Symlinks are not followed, and a pipe is not waited for. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The open file. Rejects with `data-corrupt` for anything but a plain file, else with the system's error. */
export async function openStored(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, flags);
  } catch (error) {
    // What open(2) says of a symlink, and of a socket.
    if (errorCode(error) === 'ELOOP' || errorCode(error) === 'ENXIO') throw notPlain(path, error);
    throw error;
  }
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw notPlain(path);
}

function notPlain(path: string, cause?: unknown): Error {
  return corrupt(`${path} is not a plain file`, cause);
}
