/**
 * Which processes a run's directory names: its engine, its runner and its watcher.
 *
 * An agent may die, and another one come, in the middle of a start. So whoever asks decides it first: either the start
 * no longer happens, or it is waited for until its runner has named the engine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { readBootId } from './process-table.ts';
import { readEngineFile, readRunnerFile, readStartFile, type StartFile, voidStart } from './run-files.ts';

export interface RunProcesses {
  start: StartFile;
  /** Undefined where it was never named. */
  engine: ProcessIdentity | undefined;
  /** The runner and its watcher, which end by themselves after the engine; empty where they were never named. */
  supervisors: readonly ProcessIdentity[];
  /** The version of the runner. */
  version: number | undefined;
}

/** What a start that an agent left in its middle may take to come to its end. */
const startMsMax = 5_000;

/** Undefined where no start happened, and none of those that were begun can happen any more. */
export async function settledProcesses(directory: string): Promise<RunProcesses | undefined> {
  const start = readStartFile(directory);
  if (!start) return undefined;
  if (start.bootId === readBootId() && !readRunnerFile(directory, start) && (await voidStart(directory, start)))
    return undefined;
  const end = performance.now() + startMsMax;
  for (;;) {
    const found = namedProcesses(directory, start);
    const mayBeNamed = start.bootId === readBootId() && (found.version === undefined || isAny(found.supervisors));
    if (found.engine || !mayBeNamed || performance.now() > end) return found;
    await delay(10);
  }
}

/** What is named now. */
export function namedProcesses(directory: string, start: StartFile): RunProcesses {
  // The engine is named after its runner, so it is read first: nothing is taken for unnamed that has been.
  const engine = readEngineFile(directory, start)?.identity;
  const file = readRunnerFile(directory, start);
  return { start, engine, supervisors: file ? [file.runner, file.watcher] : [], version: file?.version };
}

/** True while one of these is there. */
export function isAny(processes: readonly ProcessIdentity[]): boolean {
  return processes.some(isAlive);
}
