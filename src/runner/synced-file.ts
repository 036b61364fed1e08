/** Small files of ours that must be whole after a power failure. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

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
