/** Small files of ours that must be whole after a power failure. */
import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes a file, owner only, over what was there; its content is synced once this resolves. */
export async function writeSyncedFile(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes a file of a directory by another name first, so that whoever reads it finds it whole: the old or the new. */
export async function writeWhole(directory: string, name: string, text: string): Promise<void> {
  const next = join(directory, `${name}.next`);
  await writeSyncedFile(next, text);
  await rename(next, join(directory, name));
}
