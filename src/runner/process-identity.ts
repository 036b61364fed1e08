/**
 * Which process, for certain: a pid alone is reused.
 *
 * 1. A process is named by the boot of its host, its pid and the time at which it started; all three must hold.
 * 2. A zombie is gone: nothing of it runs, it only waits for its parent to ask how it ended.
 */
import { processEntry, readBootId } from './process-table.ts';

export interface ProcessIdentity {
  /** The boot of the host, as the kernel names it. */
  bootId: string;
  pid: number;
  /** When it started, in the platform's own words (Linux: clock ticks since the boot); only ever compared. */
  startTime: string;
}

/** The identity of the process that has this pid now; undefined where there is none, or only a zombie. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const entry = processEntry(pid);
  return entry && !entry.isZombie ? { bootId: readBootId(), pid, startTime: entry.startTime } : undefined;
}

/** The identity of a child that nobody has waited for yet: also of one that has ended already. */
export function identityOfChild(pid: number): ProcessIdentity | undefined {
  const entry = processEntry(pid);
  return entry && { bootId: readBootId(), pid, startTime: entry.startTime };
}

/** True while this very process runs, also when it is stopped; false once it is a zombie or its pid is another's. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== readBootId()) return false;
  const entry = processEntry(identity.pid);
  return entry !== undefined && !entry.isZombie && entry.startTime === identity.startTime;
}

/** True for what this module wrote before, read back from a file. */
export function isProcessIdentity(value: unknown): value is ProcessIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { bootId, pid, startTime } = value as Record<string, unknown>;
  const isPid = Number.isSafeInteger(pid) && (pid as number) > 1;
  return typeof bootId === 'string' && isPid && typeof startTime === 'string';
}

/** Sends a signal to this very process; false where it is gone, or not ours to signal. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  return isAlive(identity) && sendSignal(identity.pid, signal);
}

/** Sends a signal to a pid, or to the group of a negative one; false where there is nobody, or nobody of ours. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
