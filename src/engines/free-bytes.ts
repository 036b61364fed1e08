/** Room on a file system. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that a user without privileges may write at a path, or where it will be made; undefined where neither is there. */
export async function freeBytesAt(path: string): Promise<number | undefined> {
  const found = await statfs(path).catch(() => statfs(dirname(path)).catch(() => undefined));
  return found && found.bavail * found.bsize;
}
