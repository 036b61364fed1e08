/**
 * Locks that a killed restic left, cleared away by proof.
 *
 * 1. A lock of this host is dead where its process is gone, or its pid is now that of a process which started later.
 * 2. A lock of another host is dead only where it is older than restic's own bound: whoever lives refreshes it.
 * 3. Where no lock is dead, `unlock` is not called. It removes only what restic too takes for stale, never all.
 */
import { rm } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import { processEntry } from '../../runner/process-table.ts';
import type { EngineScope } from '../engine.ts';
import { callRestic, tryRestic } from './call.ts';
import { staleLockMs } from './facts.ts';

export interface Lock {
  id: string;
  /** When it was last refreshed. */
  time: string;
  hostname: string;
  pid: number;
}

export type LockState = 'alive' | 'gone' | 'reused';

/** Clears dead locks away, and says whether there were any. */
export async function clearDeadLocks(scope: EngineScope, signal: AbortSignal): Promise<boolean> {
  return await clearDead(scope, await listLocks(scope, signal), signal);
}

/** The same of locks whose ids are known already. */
export async function clearDead(scope: EngineScope, ids: readonly string[], signal: AbortSignal): Promise<boolean> {
  const locks = await Promise.all(ids.map(id => readLock(scope, id, signal)));
  const states = locks.flatMap(lock => (lock ? [{ lock, state: stateOf(lock) }] : []));
  if (states.some(({ state }) => state === 'gone'))
    await callRestic(scope, { what: 'the removal of stale locks', args: ['unlock'], signal });
  // restic takes a pid that is used again for alive; only in a directory can one lock be removed by hand.
  const path = repositoryPathOf(scope.repository);
  const reused = path === undefined ? [] : states.filter(({ state }) => state === 'reused');
  for (const { lock } of reused) await rm(join(path as string, 'locks', lock.id), { force: true });
  return states.some(({ state }) => state === 'gone') || reused.length > 0;
}

/** The ids of the locks in a repository. It opens the repository without a lock of its own, so it also proves the login. */
export async function listLocks(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const args = ['list', 'locks', '--no-lock'];
  return idsIn(await callRestic(scope, { what: 'the listing of locks', args, signal }));
}

export function idsIn(stdout: string): string[] {
  return stdout.split('\n').filter(line => /^[0-9a-f]{64}$/.test(line));
}

/** Undefined where it is gone by now. */
async function readLock(scope: EngineScope, id: string, signal: AbortSignal): Promise<Lock | undefined> {
  const args = ['cat', 'lock', '--no-lock', '--', id];
  const { code, stdout } = await tryRestic(scope, { what: 'the reading of a lock', args, signal });
  return code === 0 ? { ...(JSON.parse(stdout) as Omit<Lock, 'id'>), id } : undefined;
}

/** What may lie between a process's start as the kernel tells it and as the wall clock does. */
const slackMs = 5_000;

/** Whether somebody holds a lock still. */
export function stateOf({ hostname: host, pid, time }: Omit<Lock, 'id'>, now = Date.now()): LockState {
  const refreshedAt = Date.parse(time);
  if (host !== hostname()) return now - refreshedAt > staleLockMs ? 'gone' : 'alive';
  const holder = processEntry(pid);
  if (!holder || holder.isZombie) return 'gone';
  return startOf(holder.startTime, now) > refreshedAt + slackMs ? 'reused' : 'alive';
}

/** When a process started, by the wall clock: Linux tells hundredths of a second since the boot, others a date. */
function startOf(startTime: string, now: number): number {
  if (!/^\d+$/.test(startTime)) return Date.parse(`${startTime} UTC`);
  return now - uptime() * 1_000 + Number(startTime) * 10;
}
