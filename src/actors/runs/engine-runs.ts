/**
 * The engine processes of this agent, by run: at most one a run at a time.
 *
 * 1. An effect that is asked again under the same key follows the process that runs, also one that a dead agent left; or
 *    it takes the end that nobody has taken. Under another key the old one is stopped first.
 * 2. Letting go of a transfer does not end its process; `stop` does, also one that is just being started.
 * 3. An end that whoever asked has heard is not taken again: what is asked again after it is done again. One that nobody
 *    heard, such as that of a run that was let go, is there for whoever asks next.
 * 4. What an engine leaves running when it exits is killed before anybody hears of its end.
 */
import { existsSync } from 'node:fs';
import type { Progress, RunKind } from '../../domain/run.ts';
import type { EngineStep } from '../../engines/engine.ts';
import { endedByRunner, leftNoWord, permanent } from '../../engines/failures.ts';
import { type Attached, attachEngine, lastToken } from '../../runner/attach.ts';
import type { EngineLimits } from '../../runner/cgroup-leaves.ts';
import {
  type EngineBounds,
  type EngineEnd,
  type EngineListener,
  type EngineProcess,
  type StopOrder,
  type StopResult,
  startEngine,
  stopLeftover,
} from '../../runner/engine-process.ts';
import { pidsOfRun } from '../../runner/local-runs.ts';
import { RunDirectory } from '../../runner/run-directory.ts';
import { runToken } from '../../runner/run-token.ts';
import { EngineProgress } from './engine-progress.ts';

export interface EngineRunsOptions {
  /** The agent's data directory. */
  data: string;
  /** Told of the progress of each run. */
  onProgress: (kind: RunKind, id: string, progress: Progress) => void;
  /** Told what an agent that came back found of an engine that it had left. */
  onReattached?: (kind: RunKind, id: string, found: Attached['found']) => void;
  /** What each engine may use. */
  limits?: EngineLimits;
  /** What the logs of each run may take together. */
  logBytesMax?: number;
  /** Told which of the limits nothing holds an engine to. */
  onUnlimited?: (kind: RunKind, id: string, limits: readonly string[]) => void;
}

/** What is followed of a run. */
interface Followed {
  /** What the step made of its end. */
  outcome: Promise<unknown>;
}

interface EngineRun extends Followed {
  kind: RunKind;
  key: string;
  process: EngineProcess;
  progress: EngineProgress;
}

/** Whose process it is, and under which key. */
export interface RunOfEngine {
  id: string;
  kind: RunKind;
  /** What is asked again under the same key is the same process. */
  key: string;
  /** It may be begun again where nobody knows how it ended. Default true. */
  isRepeatable?: boolean;
  /** What its runner keeps to though this agent should not come back. */
  bounds?: EngineBounds;
}

/** What an engine that another agent or attempt left may take to stop. */
const leftoverGraceMs = 5_000;
/** What the last engines of an agent that ends may take to be gone. */
const killAllMs = 1_000;
/** How much of its stderr a step's outcome is told. */
const tailBytes = 4_096;

export class EngineRuns {
  readonly #options: EngineRunsOptions;
  readonly #runs = new Map<string, EngineRun>();
  readonly #starting = new Map<string, { key: string; started: Promise<Followed> }>();
  /** Runs that go on without this agent, also one whose process is only being started. */
  readonly #letGo = new Set<string>();
  readonly #stoppingLeft = new Map<string, Promise<StopResult | undefined>>();
  /** The keys whose ends were taken, by run. */
  readonly #taken = new Map<string, string>();

  constructor(options: EngineRunsOptions) {
    this.#options = options;
  }

  /** How far a run is, while its process lives. */
  progressOf(id: string): Progress | undefined {
    return this.#runs.get(id)?.progress.latest;
  }

  /** How long no byte of a run advanced, in milliseconds. */
  stalledMs(id: string): number {
    return this.#runs.get(id)?.progress.stalledMs ?? 0;
  }

  /** The end of what a run's engine said on its standard error; empty where it said nothing, or the run is cleaned up. */
  async stderrTail(id: string, bytes: number): Promise<string> {
    return await this.#directoryOf(id).stderrTail(bytes);
  }

  /** The directory of a run's own files, which is made where it is missing. */
  async directory(id: string): Promise<RunDirectory> {
    const directory = this.#directoryOf(id);
    await directory.create();
    return directory;
  }

  /** Removes what a run left in the data directory. */
  async forget(id: string): Promise<void> {
    this.#taken.delete(id);
    this.#letGo.delete(id);
    await this.#directoryOf(id).remove();
  }

  /** The process of this run goes on when the agent ends. */
  letGo(id: string): void {
    this.#letGo.add(id);
  }

  /**
   * Kills every engine but those that were let go; resolves when none is left, or none can be ended. The kill is sent
   * before this returns.
   */
  async killAll(): Promise<void> {
    const all = new Set([...this.#runs.keys(), ...this.#starting.keys()]);
    const ids = [...all].filter(id => !this.#letGo.has(id));
    await Promise.all(ids.map(id => this.stop(id, { graceMs: 0, killMs: killAllMs })));
  }

  /**
   * Runs a step to its end, or follows the process that does so already. Rejects with a FailureError: the step's own,
   * what its runner ended it for, or that it could not be started. Where `signal` is aborted it rejects with the signal's
   * reason, and the process goes on.
   */
  async run<Output>(run: RunOfEngine, step: EngineStep<Output>, signal: AbortSignal): Promise<Output> {
    const followed = await this.#followed(run, step, signal);
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      return (await Promise.race([followed.outcome, aborted])) as Output;
    } finally {
      if (!signal.aborted) this.#taken.set(run.id, run.key); // invariant 3
    }
  }

  /**
   * Looks for what runs of a run whose agent was away, and follows it from now on; `run` under its key takes its end.
   * What is gone may have left processes that `stop` ends.
   */
  async reattach(run: RunOfEngine, step: EngineStep<unknown>): Promise<Attached['found']> {
    this.#letGo.delete(run.id);
    if (this.#runs.has(run.id)) return 'alive';
    const isIts = this.#isLast(run);
    return isIts ? (await this.#attach(run, step)).found : 'gone';
  }

  /** Ends whatever process a run has, by the stop ladder, and says whether any is left. */
  async stop(id: string, order: StopOrder): Promise<StopResult> {
    if (!this.#runs.has(id)) await this.#starting.get(id)?.started.catch(() => undefined);
    return await this.#stopNow(id, order);
  }

  /** The processes that a run has here, also those that an agent that is gone left; undefined where it has no directory. */
  leftOf(id: string): number[] | undefined {
    return existsSync(this.#directoryOf(id).path) ? pidsOfRun(this.#options.data, id) : undefined;
  }

  /**
   * Ends what an agent that is gone left of a run that is over, such as one that was given up for lost meanwhile; undefined
   * where it never started anything. Whoever asks while that is under way hears of the same end.
   */
  stopLeft(id: string): Promise<StopResult | undefined> {
    const stopping = this.#stoppingLeft.get(id) ?? this.#stopLeft(id).finally(() => this.#stoppingLeft.delete(id));
    this.#stoppingLeft.set(id, stopping);
    return stopping;
  }

  async #stopLeft(id: string): Promise<StopResult | undefined> {
    if (lastToken(this.#directoryOf(id)) === undefined) return undefined;
    return await this.stop(id, { graceMs: leftoverGraceMs });
  }

  async #stopNow(id: string, order: StopOrder): Promise<StopResult> {
    const run = this.#runs.get(id);
    if (!run) return await stopLeftover(this.#directoryOf(id), order);
    const stopped = await run.process.stop(order);
    if (stopped.gone && this.#runs.get(id) === run) this.#runs.delete(id);
    return stopped;
  }

  /** Whether the last start of the run was under this key. */
  #isLast({ id, key }: RunOfEngine): boolean {
    return lastToken(this.#directoryOf(id)) === runToken(this.#options.data, key);
  }

  #directoryOf(id: string): RunDirectory {
    return new RunDirectory(this.#options.data, id);
  }

  /** The run of this key: the one that is there or is being started, or a new one. */
  async #followed(run: RunOfEngine, step: EngineStep<unknown>, signal: AbortSignal): Promise<Followed> {
    const { id, key } = run;
    const starting = this.#starting.get(id);
    if (starting?.key === key) return await starting.started;
    const there = this.#runs.get(id);
    if (!starting && there?.key === key) return there;
    const started = this.#left(run, step).then(left => left ?? this.#start(run, step, signal));
    this.#starting.set(id, { key, started });
    try {
      return await started;
    } finally {
      if (this.#starting.get(id)?.started === started) this.#starting.delete(id);
    }
  }

  /** What another incarnation left under this key: a process that runs, or an end that nobody has taken. */
  async #left(run: RunOfEngine, step: EngineStep<unknown>): Promise<Followed | undefined> {
    const { id, key, isRepeatable = true } = run;
    if (this.#runs.has(id) || !this.#isLast(run) || this.#taken.get(id) === key) return undefined;
    const { found, followed } = await this.#attach(run, step);
    if (followed || isRepeatable) return followed;
    this.#taken.set(id, key);
    throw leftNoWord(found);
  }

  async #attach(
    run: RunOfEngine,
    step: EngineStep<unknown>,
  ): Promise<{ found: Attached['found']; followed?: Followed }> {
    const progress = this.#progressOf(run);
    const attached = await attachEngine(this.#directoryOf(run.id), this.#listenerOf(step, progress));
    const { found } = attached;
    this.#options.onReattached?.(run.kind, run.id, found);
    if (found === 'alive') return { found, followed: this.#follow(run, step, attached.process, progress) };
    if (found !== 'ended') return { found };
    const outcome = this.#outcome(run.id, step, attached.end);
    outcome.catch(() => undefined); // whoever follows hears of it
    return { found, followed: { outcome } };
  }

  async #start(run: RunOfEngine, step: EngineStep<unknown>, signal: AbortSignal): Promise<Followed> {
    const { id, kind, key, bounds = {} } = run;
    await this.#stopNow(id, { graceMs: leftoverGraceMs }); // invariant 1
    signal.throwIfAborted();
    const directory = await this.directory(id);
    const order = await step.order();
    signal.throwIfAborted();
    const { limits = {}, onUnlimited } = this.#options;
    const progress = this.#progressOf(run);
    const listener = this.#listenerOf(step, progress);
    const token = runToken(this.#options.data, key);
    const process = await startEngine({ ...order, directory, token, bounds, limits, ...listener });
    if (process.unlimited.length > 0) onUnlimited?.(kind, id, process.unlimited);
    return this.#follow(run, step, process, progress);
  }

  #progressOf({ id, kind }: RunOfEngine): EngineProgress {
    return new EngineProgress(progress => this.#options.onProgress(kind, id, progress));
  }

  #follow(run: RunOfEngine, step: EngineStep<unknown>, process: EngineProcess, progress: EngineProgress): Followed {
    const { id, kind, key } = run;
    const isCurrent = () => this.#runs.get(id)?.process === process;
    const outcome = process.ended
      .then(async end => {
        progress.end();
        // A stop has proved that nobody is left; who carries the token since then cleans up after it.
        const isLeft = isCurrent() && process.members().length > 0;
        const left = isLeft ? await process.stop({ graceMs: 0 }) : undefined; // invariant 4
        if (left && !left.gone) throw unkillable(left.pids);
        return await this.#outcome(id, step, end);
      })
      .finally(() => {
        if (isCurrent()) this.#runs.delete(id);
      });
    outcome.catch(() => undefined); // whoever follows hears of it
    this.#runs.set(id, { kind, key, process, outcome, progress });
    if (step.measure) void progress.measure(step.measure);
    return { outcome };
  }

  async #outcome(id: string, step: EngineStep<unknown>, end: EngineEnd): Promise<unknown> {
    const told = { ...end, stderrTail: await this.stderrTail(id, tailBytes) };
    const ending = endedByRunner(told);
    if (ending) throw ending;
    return await step.outcome(told);
  }

  #listenerOf({ hear, hearError }: EngineStep<unknown>, progress: EngineProgress): EngineListener {
    const { logBytesMax } = this.#options;
    return {
      onLine: line => progress.hear(hear?.(line)),
      ...(hearError && { onStderrLine: (line: string) => progress.hear(hearError(line)) }),
      ...(logBytesMax !== undefined && { logBytesMax }),
    };
  }
}

function unkillable(pids: readonly number[]) {
  const message = `the engine has ended, and what it left running could not be killed: ${pids.join(', ')}`;
  return permanent('unkillable', message, 'see what these processes wait for, such as a mount that does not answer');
}
