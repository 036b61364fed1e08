/** Zeros that are holes in a backup are written where the file was not sparse: refused before they fill the disk. */
import { statfsSync } from 'node:fs';
import { FailureError } from '../core/failure.ts';
import { formatSize } from '../core/sizes.ts';
import { type BytePath, bytePathOf, bytesOf, printablePath, under } from './byte-path.ts';
import type { Piece } from './manifest.ts';

/** So few are written without asking how much is free. */
const zerosUnasked = 64 * 1024 * 1024;

/** How many bytes of a content are holes. */
export function zerosIn(content: readonly Piece[]): number {
  let bytes = 0;
  for (const [length, sha256] of content) if (sha256 === undefined) bytes += length;
  return bytes;
}

/** Throws a failure where a file with so many zeros, `needed` bytes of it still to be written, has no room below `root`. */
export function refuseZeros(root: BytePath, path: BytePath, zeros: number, needed: number): void {
  if (zeros < zerosUnasked) return;
  const { bavail, bsize } = statfsSync(bytesOf(root));
  const free = Number(bavail) * Number(bsize);
  if (needed <= free) return;
  const at = printablePath(bytePathOf(under(root, path)));
  const message = `${at} takes ${formatSize(needed)}, much of it zeros, and ${formatSize(free)} are free there`;
  const hint = 'restore where there is room, or restore all but this file';
  throw new FailureError({ kind: 'permanent', code: 'target-full', message, hint });
}
