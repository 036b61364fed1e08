/** The runs of a data directory as it alone tells of them: for who asks on the host, without NATS and without an agent. */
import { setTimeout as delay } from 'node:timers/promises';
import { Leaves } from './cgroup-leaves.ts';
import { Members } from './members.ts';
import { isAlive } from './process-identity.ts';
import { readBootId } from './process-table.ts';
import { readGraceMs, writeCancel } from './run-control.ts';
import { RunDirectory, runsWithDirectory } from './run-directory.ts';
import { type RecordedExit, readExit, readStartFile } from './run-files.ts';
import { isAny, namedProcesses } from './run-processes.ts';
import { StopLadder, type StopResult } from './stop-ladder.ts';

/**
 * `starting`: its runner has not named the engine yet. `running`: the engine is there. `ending`: only its runner or the
 * watcher is. `ended`: how is recorded. `gone`: nothing is there or recorded. `idle`: it has no engine now.
 */
export type LocalState = 'idle' | 'starting' | 'running' | 'ending' | 'ended' | 'gone' | 'rebooted';

export interface LocalRun {
  id: string;
  state: LocalState;
  /** The engine; null where it was never named. */
  pid: number | null;
  /** When its start was begun, RFC 3339 UTC; null where there is none. */
  startedAt: string | null;
  /** How it ended; null where nothing is recorded. */
  exit: RecordedExit | null;
}

/** How long beyond the grace the watcher may take; after that the runner is taken for dead. */
const watcherMsMax = 5_000;

/** In the order of their ids. Changes nothing. */
export async function localRuns(data: string): Promise<LocalRun[]> {
  return (await runsWithDirectory(data)).map(id => localRun(new RunDirectory(data, id), id));
}

function localRun({ path }: RunDirectory, id: string): LocalRun {
  const start = readStartFile(path);
  if (!start) return { id, state: 'idle', pid: null, startedAt: null, exit: null };
  const { engine, supervisors } = namedProcesses(path, start);
  const exit = readExit(path) ?? null;
  const state = (): LocalState => {
    if (engine && isAlive(engine)) return 'running';
    if (isAny(supervisors)) return engine ? 'ending' : 'starting';
    if (exit) return 'ended';
    if (start.bootId !== readBootId()) return 'rebooted';
    return 'gone';
  };
  return { id, state: state(), pid: engine?.pid ?? null, startedAt: start.at, exit };
}

/** Every process of a run that is found now: its engine, its runner, and whoever they started. Changes nothing. */
export function pidsOfRun(data: string, id: string): number[] {
  const { path } = new RunDirectory(data, id);
  const start = readStartFile(path);
  if (!start) return [];
  const { engine, supervisors } = namedProcesses(path, start);
  const members = new Members(engine, start.token, new Leaves(path)).look();
  return [...new Set([...members, ...supervisors.filter(isAlive)].map(({ pid }) => pid))];
}

/**
 * Ends a run's engine and proves it: asks the watcher, which says so in the recorded exit, and climbs down the ladder by
 * itself where the watcher does not do it in its time. Undefined where the run has no engine.
 */
export async function cancelLocalRun(data: string, id: string): Promise<StopResult | undefined> {
  const { path } = new RunDirectory(data, id);
  const start = readStartFile(path);
  if (!start) return undefined;
  const began = performance.now();
  writeCancel(path);
  const end = began + readGraceMs(path) + watcherMsMax;
  for (;;) {
    const { engine, supervisors } = namedProcesses(path, start);
    const members = new Members(engine, start.token, new Leaves(path));
    const isGone = !isAny(supervisors) && members.look().length === 0;
    const tookMs = Math.round(performance.now() - began);
    if (isGone) return { gone: true, tookMs };
    if (performance.now() > end) return await new StopLadder(members, supervisors, { graceMs: 0 }).run();
    await delay(50);
  }
}
