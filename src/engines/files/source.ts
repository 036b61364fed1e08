/** The source of a backup before it is walked: is it there, is it what it must be, and what in it is not ours to read. */
import type { BigIntStats } from 'node:fs';
import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FailureError } from '../../core/failure.ts';
import { type BytePath, bytePathOf, nameOf, parentOf } from '../../repository/byte-path.ts';
import { errorCode } from '../../repository/repository-failure.ts';
import type { SourceConfig } from './job.ts';

export interface Source {
  /** The real directory that paths are relative to: a plan may name a symlink to it. */
  root: BytePath;
  /** Where the plan names a single file, such as a volume's image: its name in `root`. */
  only: BytePath | null;
  /** Of what the plan names. */
  stat: BigIntStats;
}

/** Opens the source. Rejects with `source-missing` where it is not there or not mounted. */
export async function openSource(config: SourceConfig): Promise<Source> {
  try {
    const root = await realpath(config.path, { encoding: 'buffer' });
    const found = await lstat(root, { bigint: true });
    if (!found.isDirectory() && !found.isFile())
      throw missing(config.path, 'it is neither a directory nor a file', 'name a directory, or an image file');
    if (config.requireMount && !(await isMountPoint(bytePathOf(root), found)))
      throw missing(
        config.path,
        'nothing is mounted there, and the plan says requireMount',
        'mount it, then start the backup again; nothing was changed',
      );
    if (found.isDirectory()) return { root: bytePathOf(root), only: null, stat: found };
    return { root: parentOf(bytePathOf(root)) || '/', only: nameOf(bytePathOf(root)), stat: found };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw missing(config.path, 'it is not there', 'check the path in the plan, and that its disk is mounted', error);
    if (code === 'EACCES' || code === 'EPERM')
      throw missing(config.path, `it may not be read (${code})`, 'let the user that the agent runs as read it', error);
    throw error;
  }
}

/** Where the kernel lists its mounts they decide, for a bind mount has the device of its parent; else the device does. */
async function isMountPoint(root: BytePath, found: BigIntStats): Promise<boolean> {
  if (root === '/') return true;
  let mounts: string;
  try {
    mounts = await readFile('/proc/self/mountinfo', 'latin1');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return (await stat(dirname(Buffer.from(root, 'latin1').toString()), { bigint: true })).dev !== found.dev;
  }
  return mounts.split('\n').some(line => unescapeMount(line.split(' ')[4] ?? '') === root);
}

/** The kernel writes space, tab, newline and backslash as octal. */
function unescapeMount(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Recognises directories that are never read, by device and inode, so that no other name for one deceives. */
export async function forbiddenDirectories(paths: readonly string[]): Promise<(found: BigIntStats) => boolean> {
  const forbidden = new Set<string>();
  for (const path of paths) {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found) forbidden.add(`${found.dev}:${found.ino}`);
  }
  return found => forbidden.has(`${found.dev}:${found.ino}`);
}

/** Rejects where the source lies in a directory that is never read: the backup would be of itself. */
export async function refuseSourceInside(source: Source, isForbidden: (found: BigIntStats) => boolean): Promise<void> {
  for (let path: Buffer = Buffer.from(source.root, 'latin1'); ; path = bytesOfParent(path)) {
    if (isForbidden(await stat(path, { bigint: true })))
      throw new FailureError({
        kind: 'permanent',
        code: 'source-forbidden',
        message: `${printableRoot(source)} lies in ${path.toString()}, which is the repository or the agent's own data`,
        hint: 'back up another directory, or move the repository',
      });
    if (path.length <= 1) return;
  }
}

function bytesOfParent(path: Buffer): Buffer {
  return path.subarray(0, Math.max(1, path.lastIndexOf(0x2f)));
}

function printableRoot(source: Source): string {
  return Buffer.from(source.root, 'latin1').toString();
}

function missing(path: string, why: string, hint: string, cause?: unknown): FailureError {
  const message = `the source ${path} cannot be backed up: ${why}`;
  return new FailureError({ kind: 'permanent', code: 'source-missing', message, hint }, { cause });
}
