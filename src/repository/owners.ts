/** Owners and modes, as far as whoever restores may give them. */
import type { Attributes } from './manifest.ts';
import { errorCode } from './repository-failure.ts';

/**
 * Only root gives files away, and not everywhere: a container or a share may forbid it (EPERM), or know no such owner
 * (EINVAL). Then they stay ours.
 */
export function giveOwner(chown: () => void): void {
  if (process.getuid?.() !== 0) return;
  try {
    chown();
  } catch (error) {
    if (errorCode(error) !== 'EPERM' && errorCode(error) !== 'EINVAL') throw error;
  }
}

/** Setuid and setgid are given only to files of the owner that they were meant for. */
export function modeFor(
  entry: Pick<Attributes, 'mode' | 'uid' | 'gid'>,
  stat: () => { uid: number; gid: number },
): number {
  if ((entry.mode & 0o6000) === 0) return entry.mode;
  const { uid, gid } = stat();
  return uid === entry.uid && gid === entry.gid ? entry.mode : entry.mode & 0o1777;
}
