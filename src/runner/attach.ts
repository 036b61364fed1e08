/**
 * How an agent that comes back finds an engine that it, or another incarnation of it, left running.
 *
 * 1. A process counts as the run's by the boot of its host, its pid and its start time, and by a token that all files of
 *    the start have: never by a pid alone.
 * 2. Ended means recorded. What was killed together with its runner is gone, and so is what an agent had stopped itself.
 * 3. A runner whose version is more than one from this agent's is not followed: it counts as gone, and whoever starts
 *    the run anew stops it first.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type EngineEnd, EngineFollower, type EngineListener } from './engine-follower.ts';
import { EngineProcess, stoppedMark } from './engine-process.ts';
import { isAlive, signalProcess } from './process-identity.ts';
import { readBootId } from './process-table.ts';
import type { RunDirectory } from './run-directory.ts';
import { hasMark, readExit, readStartFile, runnerVersion } from './run-files.ts';
import { isAny, settledProcesses } from './run-processes.ts';

export type Attached =
  /** It runs, and is followed from now on, from the start of what is left of its logs. */
  | { found: 'alive'; process: EngineProcess }
  /** It has ended, and its lines were taken. */
  | { found: 'ended'; end: EngineEnd }
  /** Nothing of it is left, and nobody knows how it ended. Somebody that it started may be: `stopLeftover` ends it. */
  | { found: 'gone' }
  /** The host has booted since. */
  | { found: 'rebooted' };

/** What a runner may take to come to its end after its engine's. */
const runnerMsMax = 10_000;

export async function attachEngine(directory: RunDirectory, listener: EngineListener): Promise<Attached> {
  const processes = await settledProcesses(directory.path);
  if (!processes) return { found: 'gone' };
  const { engine, supervisors, start, version = runnerVersion } = processes;
  const isOfThisBoot = start.bootId === readBootId();
  if (!engine || Math.abs(version - runnerVersion) > 1) return { found: isOfThisBoot ? 'gone' : 'rebooted' };
  const [runner] = supervisors;
  const follow = () => new EngineFollower(directory, { engine, runner, stderrFrom: 0 }, listener);
  if (isAlive(engine)) {
    const process = new EngineProcess(directory, { ...processes, engine }, follow());
    return { found: 'alive', process };
  }
  // One that was stopped comes to its end when it is continued.
  for (const each of supervisors) signalProcess(each, 'SIGCONT');
  const end = performance.now() + runnerMsMax;
  while (runner && isAny([runner]) && performance.now() < end) await delay(10);
  if (hasMark(directory.path, stoppedMark)) return { found: 'gone' };
  if (readExit(directory.path)) return { found: 'ended', end: await follow().toEnd() };
  return { found: isOfThisBoot ? 'gone' : 'rebooted' };
}

/** The token of the run's last start; undefined where there was none. */
export function lastToken(directory: RunDirectory): string | undefined {
  return readStartFile(directory.path)?.token;
}
