/**
 * By what a file is known again without being read: its inode and the time of its last change of any kind, which nobody
 * can set. A file that changed just before it was read may change once more within the same tick of its file system's
 * clock and not show it; so it is not known again, and is read once more the next time.
 */
import type { BigIntStats } from 'node:fs';

/** Clocks of file systems tick every 10 ms or quicker; those that keep no fraction of a millisecond every 2 s. */
const tickNs = 50_000_000n;
const coarseTickNs = 2_000_000_000n;

export function seenOf(stat: BigIntStats, readAtMs: number): string | null {
  const tick = stat.ctimeNs % 1_000_000n === 0n ? coarseTickNs : tickNs;
  return stat.ctimeNs + tick < BigInt(readAtMs) * 1_000_000n ? markOf(stat) : null;
}

/** The mark of a file as it is now, to be held against the one that was kept. */
export function markOf(stat: BigIntStats): string {
  return `${stat.ino}:${stat.ctimeNs}`;
}
