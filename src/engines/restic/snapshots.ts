/** Snapshots as restic lists them, and what removes them. */
import { setTimeout as delay } from 'node:timers/promises';
import { FailureError } from '../../core/failure.ts';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { callRestic, type ResticCall } from './call.ts';
import { clearDeadLocks } from './locks.ts';

export interface Snapshot {
  /** All 64 digits. */
  id: string;
  paths: string[];
}

/** The tag by which a run's snapshot is found, also when its last word was lost. */
export function runTag(run: string): string {
  return `reeve-run:${run}`;
}

/** The snapshots that a run made, oldest first. */
export function snapshotsOfRun(scope: EngineScope, signal: AbortSignal): Promise<Snapshot[]> {
  return listed(scope, ['--tag', runTag(scope.run.id)], signal);
}

export function idsOf(snapshots: readonly Snapshot[]): string[] {
  return snapshots.map(({ id }) => id);
}

/** A snapshot by its id. Rejects with `data-corrupt` where the repository has it no more. */
export async function snapshotOf(scope: EngineScope, id: string, signal: AbortSignal): Promise<Snapshot> {
  const found = (await listed(scope, ['--', id], signal)).find(snapshot => snapshot.id === id);
  if (found) return found;
  const message = `the repository has no snapshot ${id}`;
  throw permanent('data-corrupt', message, 'somebody removed it; see what is there with `restic snapshots`');
}

/** Listing needs no lock: what it reads is written once, and a prune that runs must not be in its way. */
async function listed(scope: EngineScope, which: readonly string[], signal: AbortSignal): Promise<Snapshot[]> {
  const args = ['snapshots', '--json', '--no-lock', ...which];
  const stdout = await callRestic(scope, { what: 'the listing of snapshots', args, signal });
  return (JSON.parse(stdout) as Snapshot[] | null) ?? [];
}

/** Removes these snapshots, and nothing of what they refer to: that is for `prune`. Ids that are gone are passed over. */
export async function forgetSnapshots(scope: EngineScope, ids: readonly string[], signal: AbortSignal): Promise<void> {
  if (ids.some(id => !/^[0-9a-f]{64}$/.test(id))) throw new Error(`not ids of snapshots: ${ids.join(', ')}`);
  if (ids.length === 0) return;
  await callAlone(scope, { what: 'the removal of snapshots', args: ['forget', '--', ...ids], signal });
}

/** What a prune may take, which reads and writes much. */
const pruneMs = 24 * 3_600_000;

/** Removes what no snapshot refers to. */
export async function prune(scope: EngineScope, signal: AbortSignal): Promise<void> {
  await callAlone(scope, { what: 'the prune', args: ['prune'], signal, timeoutMs: pruneMs });
}

/** What waits between two tries to be alone, and how often it tries. */
const lockedWaitMs = 2_000;
const triesMax = 10;

/** A call that must be alone in the repository: dead locks are cleared away first, living ones are waited for, a while. */
async function callAlone(scope: EngineScope, call: ResticCall): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await callRestic(scope, call);
      return;
    } catch (error) {
      const isLocked = error instanceof FailureError && error.failure.code === 'repository-locked';
      if (!isLocked || tries === triesMax) throw error;
    }
    const cleared = await clearDeadLocks(scope, call.signal);
    if (!cleared) await delay(lockedWaitMs, undefined, { signal: call.signal });
  }
}
