/**
 * The engine processes of this agent's runs: which one serves what is asked for, and which is ended.
 *
 * 1. An effect that is asked again under the same key follows the process that runs, also one that a dead agent left; or
 *    it takes the end that nobody has taken. Under another key the old one is stopped first.
 * 2. Letting go of a transfer does not end its process; `stop` does, also one that is just being started.
 * 3. An end that whoever asked has heard is not taken again: what is asked again after it is done again. One that nobody
 *    heard, such as that of a run that was let go, is there for whoever asks next.
 */
import { existsSync } from 'node:fs';
import { orAborted } from '../../core/or-aborted.ts';
import type { Progress } from '../../domain/run.ts';
import type { EngineStep } from '../../engines/engine.ts';
import { leftNoWord } from '../../engines/failures.ts';
import { type Attached, lastToken } from '../../runner/attach.ts';
import type { StopOrder, StopResult } from '../../runner/engine-process.ts';
import { pidsOfRun } from '../../runner/local-runs.ts';
import { RunDirectory } from '../../runner/run-directory.ts';
import { runToken } from '../../runner/run-token.ts';
import { type Followed, FollowedEngines, type FollowedEnginesOptions, type RunOfEngine } from './followed-engines.ts';

/** What an engine that another agent or attempt left may take to stop. */
const leftoverGraceMs = 5_000;
/** What the last engines of an agent that ends may take to be gone. */
const killAllMs = 1_000;

export class EngineRuns {
  readonly #data: string;
  readonly #engines: FollowedEngines;
  readonly #starting = new Map<string, { key: string; started: Promise<Followed> }>();
  /** Runs that go on without this agent, also one whose process is only being started. */
  readonly #letGo = new Set<string>();
  readonly #stoppingLeft = new Map<string, Promise<StopResult | undefined>>();
  /** The keys whose ends were taken, by run. */
  readonly #taken = new Map<string, string>();

  constructor(options: FollowedEnginesOptions) {
    this.#data = options.data;
    this.#engines = new FollowedEngines(options);
  }

  /** How far a run is, while its process lives. */
  progressOf(id: string): Progress | undefined {
    return this.#engines.find(id)?.progress.latest;
  }

  /** How long no byte of a run advanced, in milliseconds. */
  stalledMs(id: string): number {
    return this.#engines.find(id)?.progress.stalledMs ?? 0;
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
    const all = new Set([...this.#engines.ids, ...this.#starting.keys()]);
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
    try {
      return (await orAborted(followed.outcome, signal)) as Output;
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
    if (this.#engines.find(run.id)) return 'alive';
    return this.#isLast(run) ? (await this.#engines.attach(run, step)).found : 'gone';
  }

  /** Ends whatever process a run has, by the stop ladder, and says whether any is left. */
  async stop(id: string, order: StopOrder): Promise<StopResult> {
    if (!this.#engines.find(id)) await this.#starting.get(id)?.started.catch(() => undefined);
    return await this.#engines.stop(id, order);
  }

  /** The processes that a run has here, also those that an agent that is gone left; undefined where it has no directory. */
  leftOf(id: string): number[] | undefined {
    return existsSync(this.#directoryOf(id).path) ? pidsOfRun(this.#data, id) : undefined;
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

  /** Whether the last start of the run was under this key. */
  #isLast({ id, key }: RunOfEngine): boolean {
    return lastToken(this.#directoryOf(id)) === runToken(this.#data, key);
  }

  #directoryOf(id: string): RunDirectory {
    return new RunDirectory(this.#data, id);
  }

  /** The run of this key: the one that is there or is being started, or a new one. */
  async #followed(run: RunOfEngine, step: EngineStep<unknown>, signal: AbortSignal): Promise<Followed> {
    const { id, key } = run;
    const starting = this.#starting.get(id);
    if (starting?.key === key) return await starting.started;
    const there = this.#engines.find(id);
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
    if (this.#engines.find(id) || !this.#isLast(run) || this.#taken.get(id) === key) return undefined;
    const { found, followed } = await this.#engines.attach(run, step);
    if (followed || isRepeatable) return followed;
    this.#taken.set(id, key);
    throw leftNoWord(found);
  }

  /** Starts it anew: what runs of it under another key is stopped first (1). */
  async #start(run: RunOfEngine, step: EngineStep<unknown>, signal: AbortSignal): Promise<Followed> {
    await this.#engines.stop(run.id, { graceMs: leftoverGraceMs });
    signal.throwIfAborted();
    return await this.#engines.start(run, step, signal);
  }
}
