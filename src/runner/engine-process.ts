/**
 * An engine process from its start to its end, under a runner (`runner.sh`) that outlives its agent with it.
 *
 * 1. It runs in a session and process group of its own, with an environment by allowlist and the run's token in it.
 * 2. There is no moment at which it runs and nobody could find it: the directory names the start before there is a
 *    process, the runner before there is an engine, the engine before it is one.
 * 3. Its stdin is empty, its outputs are files. That its agent is gone changes nothing for it.
 * 4. The runner records how it ended, and kills what it left; then the runner ends, too.
 */
import { randomUUID } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type EngineLimits, Leaves, makeLeaves } from './cgroup-leaves.ts';
import { type EngineEnd, EngineFollower, type EngineListener } from './engine-follower.ts';
import { Members } from './members.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';
import { readBootId } from './process-table.ts';
import { type EngineBounds, writeBounds } from './run-control.ts';
import type { RunDirectory } from './run-directory.ts';
import { clearLastStart, isToken, runnerVersion, type StartFile, writeStartFile } from './run-files.ts';
import { namedProcesses, type RunProcesses, settledProcesses } from './run-processes.ts';
import { checkUser, type RunnerStart, spawnRunner, startedEngine } from './runner-process.ts';
import { StopLadder, type StopOrder, type StopResult } from './stop-ladder.ts';
import { spawnInScope } from './systemd-scope.ts';

export type { EngineLimits } from './cgroup-leaves.ts';
export type { EngineEnd, EngineListener } from './engine-follower.ts';
export type { EngineBounds } from './run-control.ts';
export type { StopOrder, StopResult } from './stop-ladder.ts';

export interface EngineStart extends RunnerStart, EngineListener {
  /** Unique to this attempt of the run; letters, digits and `_.:/@+-`. */
  token: string;
  /** When and how the runner ends it by itself, also without an agent; never, unless given. */
  bounds?: EngineBounds;
  /** What it may use, as far as this host can hold it to that: see `EngineProcess.unlimited`. */
  limits?: EngineLimits;
}

/**
 * Starts an engine; nothing of an engine before it may be left. Rejects with the failure `engine-not-started` where its
 * command cannot be run; then there is no process. Its first line is taken after this resolves.
 */
export async function startEngine(start: EngineStart): Promise<EngineProcess> {
  const { command, args, directory, token } = start;
  if (!isToken(token)) throw new Error(`not a token: ${JSON.stringify(token)}`);
  checkUser(start);
  await clearLastStart(directory.path);
  await writeBounds(directory.path, { deadlineAt: null, logBytesMax: start.logBytesMax, ...start.bounds });
  const file: StartFile = {
    version: runnerVersion,
    token,
    start: randomUUID(),
    bootId: readBootId(),
    command: [command, ...args],
    at: new Date().toISOString(),
  };
  await writeStartFile(directory.path, file);
  const { limits = {} } = start;
  const scoped = await spawnInScope(start, file, limits);
  const unlimited = scoped ? [] : await makeLeaves(directory.path, file.start, limits);
  const { child, stderrFrom } = scoped ?? (await spawnRunner(start, file));
  // In this turn nobody has waited for it yet, so its pid is its own.
  const spawned = child.pid === undefined ? undefined : identityOf(child.pid);
  try {
    const engine = await startedEngine(start, file, child);
    const processes = { ...namedProcesses(directory.path, file), engine };
    const follower = new EngineFollower(directory, { engine, runner: spawned, stderrFrom }, start);
    child.once('exit', () => follower.poke());
    return new EngineProcess(directory, processes, follower, unlimited);
  } catch (error) {
    const left = namedProcesses(directory.path, file);
    const supervisors = spawned ? [...left.supervisors, spawned] : left.supervisors;
    await new StopLadder(new Members(left.engine, token, new Leaves(directory.path)), supervisors, {
      graceMs: 0,
    }).run();
    throw error;
  }
}

export class EngineProcess {
  readonly pid: number;
  /** How it ended, once nothing of it is left; rejects only where its directory cannot be read any more. */
  readonly ended: Promise<EngineEnd>;
  /** Which of the limits that were asked for nothing holds it to; empty for one that was found again. */
  readonly unlimited: readonly (keyof EngineLimits)[];
  readonly #directory: RunDirectory;
  readonly #members: Members;
  readonly #supervisors: readonly ProcessIdentity[];
  #ladder: StopLadder | undefined;
  #stopped: Promise<StopResult> | undefined;

  constructor(
    directory: RunDirectory,
    { engine, supervisors, start }: RunProcesses & { engine: ProcessIdentity },
    follower: EngineFollower,
    unlimited: readonly (keyof EngineLimits)[] = [],
  ) {
    this.pid = engine.pid;
    this.unlimited = unlimited;
    this.#directory = directory;
    this.#members = new Members(engine, start.token, new Leaves(directory.path));
    this.#supervisors = supervisors;
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    this.ended = promise.then(() => follower.toEnd());
    this.ended.catch(() => undefined); // whoever asks hears of it
  }

  /**
   * Stops it and whatever it started, politely first; resolves once its runner has ended, too. Called again while it
   * stops, it only shortens the grace; without grace the kill is sent before this returns. After its end it still kills
   * what the engine left behind.
   */
  stop(order: StopOrder): Promise<StopResult> {
    markStopped(this.#directory);
    this.#ladder?.shorten(order.graceMs);
    if (this.#stopped) return this.#stopped;
    this.#ladder = new StopLadder(this.#members, this.#supervisors, order);
    this.#stopped = this.#ladder.run().finally(() => {
      this.#ladder = undefined;
      this.#stopped = undefined;
    });
    return this.#stopped;
  }

  /** The pids of the engine's processes that are there now. */
  members(): number[] {
    return this.#members.look().map(entry => entry.pid);
  }
}

/** Stops what an agent that is gone left running, by the run's directory; at once where nothing is left. */
export async function stopLeftover(directory: RunDirectory, order: StopOrder): Promise<StopResult> {
  const found = await settledProcesses(directory.path);
  if (!found) return { gone: true, tookMs: 0 };
  markStopped(directory);
  return await new StopLadder(
    new Members(found.engine, found.start.token, new Leaves(directory.path)),
    found.supervisors,
    order,
  ).run();
}

/** The identity of the run's engine, as its directory has it; undefined where none was started. */
export async function engineIdentity(directory: RunDirectory): Promise<ProcessIdentity | undefined> {
  return (await settledProcesses(directory.path))?.engine;
}

/** So that the end which follows is not taken for the engine's own by an agent that comes later. */
function markStopped({ path }: RunDirectory): void {
  try {
    symlinkSync('.', join(path, stoppedMark));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

/** Is there where an agent stopped the engine by its own ladder. */
export const stoppedMark = 'why-stop';
