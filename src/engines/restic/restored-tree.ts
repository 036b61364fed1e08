/** What restic wrote below the target of a restore: how much it is, and how it comes to where it belongs. */
import { type Dir, readFileSync } from 'node:fs';
import { chmod, lchown, lstat, opendir, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { microsecondsOf, utimeOf } from '../../repository/file-times.ts';
import { writeSyncedFile } from '../../runner/synced-file.ts';
import type { RestoreJob } from './restore.ts';

/** That restic has ended well, with what it brought. */
export interface Mark {
  total: { bytes: number; files: number };
  /** What the path itself was like; null where nothing of it was wanted. */
  root: { mode: number; uid: number; gid: number; mtimeUs: number } | null;
}

export function readMark(path: string): Mark | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Mark;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeMark({ staging, path, mark }: RestoreJob): Promise<Mark> {
  const found = await lstat(insideOf(staging, path), { bigint: true }).catch(ifMissing(null));
  const root = found && {
    ...{ mode: Number(found.mode & 0o7777n), uid: Number(found.uid), gid: Number(found.gid) },
    mtimeUs: microsecondsOf(found.mtimeNs),
  };
  const content: Mark = { total: await measure(staging), root };
  await writeSyncedFile(`${mark}.next`, JSON.stringify(content));
  await rename(`${mark}.next`, mark);
  return content;
}

/** Moves what is still below the path up into the target, which then becomes like the path was. May be called again. */
export async function moveUp({ staging, path, to }: RestoreJob, { root }: Mark): Promise<void> {
  const inside = insideOf(staging, path);
  const names = root ? await readdir(inside, { encoding: 'buffer' }).catch(ifMissing([])) : [];
  for (const name of names) await moveEntry(below(inside, name), below(to, name));
  await rm(staging, { recursive: true, force: true });
  if (!root) return;
  if (process.getuid?.() === 0) await lchown(to, root.uid, root.gid);
  await chmod(to, root.mode);
  await utimes(to, utimeOf(root.mtimeUs), utimeOf(root.mtimeUs));
}

/** A directory that may not be written can be moved only by root, for its `..` changes. */
async function moveEntry(from: Buffer, to: Buffer): Promise<void> {
  const { mode } = await lstat(from);
  const isBarred = process.getuid?.() !== 0 && (mode & 0o170000) === 0o040000 && (mode & 0o200) === 0;
  if (isBarred) await chmod(from, (mode & 0o7777) | 0o200);
  await rename(from, to);
  if (isBarred) await chmod(to, mode & 0o7777);
}

/** Bytes that lie on the disk, and files. What vanishes meanwhile does not count. */
export async function measure(directory: string | Buffer): Promise<{ bytes: number; files: number }> {
  const total = { bytes: 0, files: 0 };
  const entries: Dir | undefined = await opendir(directory as string, { encoding: 'buffer' as 'utf8' }).catch(
    ifMissing(undefined),
  );
  if (!entries) return total;
  for await (const entry of entries) {
    const path = below(directory, entry.name as unknown as Buffer);
    if (entry.isDirectory()) {
      const { bytes, files } = await measure(path);
      total.bytes += bytes;
      total.files += files;
    } else if (entry.isFile()) {
      total.bytes += (await lstat(path).catch(ifMissing(null)))?.size ?? 0;
      total.files += 1;
    }
  }
  return total;
}

function insideOf(staging: string, path: string): string {
  return join(staging, 'data', path);
}

/** Names are bytes: one that is not UTF-8 is a name too. */
function below(directory: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), name]);
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
