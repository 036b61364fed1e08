/** Walks what a tool wrote: links are not followed, and what vanishes meanwhile is passed over. */
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { type BytePath, bytePathOf, bytePathOfText, under } from '../repository/byte-path.ts';
import { errorCode } from '../repository/repository-failure.ts';

export interface TreeEntry {
  /** Relative to the root, which is the empty path. */
  path: BytePath;
  absolute: Buffer;
  stats: Stats;
}

/** Every entry below `root` and the root itself, each directory after what is in it. Rejects where the root is gone. */
export async function* walkTree(root: string, path: BytePath = ''): AsyncGenerator<TreeEntry> {
  const absolute = under(bytePathOfText(root), path);
  const stats = await unlessGone(lstat(absolute), path);
  if (!stats) return;
  if (stats.isDirectory()) {
    const names = (await unlessGone(readdir(absolute, { encoding: 'buffer' }), path)) ?? [];
    for (const name of names) yield* walkTree(root, path === '' ? bytePathOf(name) : `${path}/${bytePathOf(name)}`);
  }
  yield { path, absolute, stats };
}

/** Files and their bytes below `root`. */
export async function countTree(root: string): Promise<{ files: number; bytes: number }> {
  const counted = { files: 0, bytes: 0 };
  for await (const { stats } of walkTree(root)) {
    if (!stats.isFile()) continue;
    counted.files += 1;
    counted.bytes += stats.size;
  }
  return counted;
}

async function unlessGone<T>(found: Promise<T>, path: BytePath): Promise<T | undefined> {
  return await found.catch(error => {
    if (path !== '' && errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
