/**
 * Room in a repository before a backup begins: below the repository's `minFree` it waits, visibly, and goes on by itself
 * once there is room. That is no failure and no attempt: nothing was tried.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { orAborted } from '../../core/or-aborted.ts';
import { formatSize } from '../../core/sizes.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { Reason } from '../../domain/reasons.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import type { RunContext } from '../../domain/run.ts';
import { turnOf } from '../../domain/turn.ts';
import { freeBytesAt } from '../../engines/free-bytes.ts';
import type { Turns } from './turns.ts';

/** Why a run that waits for its turn cannot have it now; null once that is over. */
export interface TurnObstructed {
  type: 'turn.obstructed';
  reason: Reason | null;
  message: string | null;
  hint: string | null;
}

export interface Waiting {
  run: RunContext;
  turns: Turns;
  config: AgentConfig;
  tell: (fact: TurnObstructed) => void;
  signal: AbortSignal;
}

/** How often a repository that is low is looked at. */
const lookEveryMs = 2_000;

/** Resolves when the run has its turn and its repository has room; rejects with the signal's reason. */
export async function waitForTurn({ run, turns, config, tell, signal }: Waiting): Promise<void> {
  let isTold = run.reason === 'repository-low'; // by an incarnation before
  for (;;) {
    // It waits for room without a turn: runs into other repositories need not wait with it.
    for (let low = await lackOf(run, config, signal); low; low = await lackOf(run, config, signal)) {
      if (!isTold) tell({ type: 'turn.obstructed', reason: 'repository-low', ...low });
      isTold = true;
      await sleep(lookEveryMs, undefined, { signal });
    }
    if (isTold) tell({ type: 'turn.obstructed', reason: null, message: null, hint: null });
    isTold = false;
    await turns.take(turnOf(run), signal);
    if (!(await lackOf(run, config, signal))) return;
    turns.give(run.id); // what ran meanwhile took the room
  }
}

/** What a backup's repository lacks, in words; undefined where it has its `minFree`, or none, or is not on this host. */
async function lackOf(
  run: RunContext,
  config: AgentConfig,
  signal: AbortSignal,
): Promise<{ message: string; hint: string } | undefined> {
  if (run.task !== 'backup') return undefined;
  const found = minFreeOf(run, config);
  if (!found) return undefined;
  // A file system that hangs, hangs whoever asks it.
  const freeBytes = await orAborted(freeBytesAt(found.path), signal);
  if (freeBytes === undefined || freeBytes >= found.minFreeBytes) return undefined;
  const { path, minFreeBytes } = found;
  return {
    message: `the repository ${path} has ${formatSize(freeBytes)} free, and runs start from ${formatSize(minFreeBytes)} on`,
    hint: 'make room, or lower minFree of the repository in the file of the agent; it goes on by itself',
  };
}

/** Undefined also where the agent's file no longer has the repository: what that means is said when the run begins. */
function minFreeOf({ document }: RunContext, config: AgentConfig): { path: string; minFreeBytes: number } | undefined {
  const name = document.repository;
  const known = typeof name === 'string' && Object.hasOwn(config.repositories, name) && config.repositories[name];
  const path = known ? repositoryPathOf(known) : undefined;
  return known && path !== undefined && known.minFreeBytes > 0 ? { path, minFreeBytes: known.minFreeBytes } : undefined;
}
