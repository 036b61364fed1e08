/**
 * The engine processes of this agent, by run: at most one a run at a time.
 *
 * 1. An effect that is asked again under the same key follows the process that runs; under another key the old one is
 *    stopped first. One that a dead agent left is stopped before anything is started.
 * 2. Letting go of a transfer does not end its process; `stop` does, also one that is just being started.
 */
import { FailureError } from '../core/failure.ts';
import type { Progress, RunKind } from '../domain/run.ts';
import { engineCommand, engineVariables } from '../engines/files/command.ts';
import type { EngineEvent, EngineResult, EngineResultOf } from '../engines/files/events.ts';
import type { Job } from '../engines/files/job.ts';
import {
  type EngineEnd,
  type EngineProcess,
  type StopOrder,
  type StopResult,
  startEngine,
  stopLeftover,
} from '../runner/engine-process.ts';
import { RunDirectory } from '../runner/run-directory.ts';

export interface EngineRunsOptions {
  /** The agent's data directory. */
  data: string;
  /** Told of the progress of each run. */
  onProgress: (kind: RunKind, id: string, progress: Progress) => void;
}

interface EngineRun {
  kind: RunKind;
  key: string;
  process: EngineProcess;
  result: Promise<EngineResult>;
  progress: Progress | undefined;
  /** When bytes were last seen to advance (monotonic, ms). */
  advancedAt: number;
}

interface Said {
  result?: EngineResult;
  failure?: FailureError;
}

/** What an engine that another agent or attempt left may take to stop. */
const leftoverGraceMs = 5_000;
/** What the last engines of an agent that ends may take to be gone. */
const killAllMs = 1_000;

export class EngineRuns {
  readonly #options: EngineRunsOptions;
  readonly #runs = new Map<string, EngineRun>();
  readonly #starting = new Map<string, { key: string; started: Promise<EngineRun> }>();

  constructor(options: EngineRunsOptions) {
    this.#options = options;
  }

  /** How far a run is, while its process lives. */
  progressOf(id: string): Progress | undefined {
    return this.#runs.get(id)?.progress;
  }

  /** How long no byte of a run advanced, in milliseconds. */
  stalledMs(id: string): number {
    const run = this.#runs.get(id);
    return run ? performance.now() - run.advancedAt : 0;
  }

  /** The end of what a run's engine said on its standard error; empty where it said nothing, or the run is cleaned up. */
  async stderrTail(id: string, bytes: number): Promise<string> {
    return await this.#directoryOf(id).stderrTail(bytes);
  }

  /** Removes what a run left in the data directory. */
  async forget(id: string): Promise<void> {
    await this.#directoryOf(id).remove();
  }

  /** Kills every engine that is left; resolves when none is, or none can be ended. The kill is sent before this returns. */
  async killAll(): Promise<void> {
    const ids = new Set([...this.#runs.keys(), ...this.#starting.keys()]);
    await Promise.all([...ids].map(id => this.stop(id, { graceMs: 0, killMs: killAllMs })));
  }

  /**
   * Runs a job to its end under `key`, or follows the process that does so already. Rejects with a FailureError: the
   * job's own, or what the process's end means. Where `signal` is aborted it rejects with the signal's reason, and the
   * process goes on.
   */
  async run<Task extends Job['task']>(
    id: string,
    key: string,
    job: Extract<Job, { task: Task }>,
    signal: AbortSignal,
  ): Promise<EngineResultOf<Task>> {
    const followed = await this.#followed(id, key, job, signal);
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return (await Promise.race([followed.result, aborted])) as EngineResultOf<Task>;
  }

  /** Ends whatever process a run has, by the stop ladder, and says whether any is left. */
  async stop(id: string, order: StopOrder): Promise<StopResult> {
    if (!this.#runs.has(id)) await this.#starting.get(id)?.started.catch(() => undefined);
    return await this.#stopNow(id, order);
  }

  async #stopNow(id: string, order: StopOrder): Promise<StopResult> {
    const run = this.#runs.get(id);
    if (!run) return await stopLeftover(this.#directoryOf(id), order);
    const stopped = await run.process.stop(order);
    if (stopped.gone && this.#runs.get(id) === run) this.#runs.delete(id);
    return stopped;
  }

  #directoryOf(id: string): RunDirectory {
    return new RunDirectory(this.#options.data, id);
  }

  /** The run of this key: the one that is there or is being started, or a new one. */
  async #followed(id: string, key: string, job: Job, signal: AbortSignal): Promise<EngineRun> {
    const starting = this.#starting.get(id);
    if (starting?.key === key) return await starting.started;
    const run = this.#runs.get(id);
    if (!starting && run?.key === key) return run;
    const started = this.#start(id, key, job, signal);
    this.#starting.set(id, { key, started });
    try {
      return await started;
    } finally {
      if (this.#starting.get(id)?.started === started) this.#starting.delete(id);
    }
  }

  async #start(id: string, key: string, job: Job, signal: AbortSignal): Promise<EngineRun> {
    await this.#stopNow(id, { graceMs: leftoverGraceMs }); // invariant 1
    signal.throwIfAborted();
    const directory = this.#directoryOf(id);
    await directory.create();
    const [command, ...args] = engineCommand(await directory.writeJob(job), job.task);
    signal.throwIfAborted();
    const said: Said = {};
    const engine = await startEngine({
      command,
      args,
      directory,
      token: key,
      env: engineVariables(job.task),
      onLine: line => this.#hear(id, line, said),
    });
    const result = engine.ended.then(async end => {
      if (this.#runs.get(id)?.process === engine) this.#runs.delete(id);
      if (said.failure) throw said.failure;
      if (said.result && end.code === 0) return said.result;
      throw await this.#endedWithout(id, end);
    });
    result.catch(() => undefined); // whoever follows hears of it
    const run: EngineRun = {
      kind: job.task === 'restore' || job.task === 'verify' ? job.task : 'backup',
      key,
      process: engine,
      result,
      progress: undefined,
      advancedAt: performance.now(),
    };
    this.#runs.set(id, run);
    return run;
  }

  async #endedWithout(id: string, { code, signal }: EngineEnd): Promise<FailureError> {
    const how = signal ? `was killed by ${signal}` : `ended with status ${code}`;
    const tail = await this.stderrTail(id, 500);
    const message = `the engine ${how} and said no result${tail ? `: ${tail}` : ''}`;
    return new FailureError({
      kind: 'transient',
      code: 'engine-failed',
      message,
      hint: 'see its log with: reeve logs',
    });
  }

  #hear(id: string, line: string, said: Said): void {
    const event = eventOf(line);
    if (event?.type === 'result') said.result = event.result;
    if (event?.type === 'failure') said.failure = new FailureError(event.failure);
    const run = this.#runs.get(id);
    if (event?.type !== 'progress' || !run) return;
    const { bytesDone, filesDone } = event.progress;
    if (bytesDone !== run.progress?.bytesDone || filesDone !== run.progress?.filesDone)
      run.advancedAt = performance.now();
    run.progress = event.progress;
    this.#options.onProgress(run.kind, id, event.progress);
  }
}

/** A line that is no event of ours is passed over: the outcome is told by the exit and the proof. */
function eventOf(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}
