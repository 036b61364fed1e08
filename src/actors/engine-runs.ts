/**
 * The engine processes of this agent, by run: at most one a run at a time.
 *
 * 1. An effect that is asked again under the same key follows the process that runs, also one that a dead agent left; or
 *    it takes the end that nobody has taken. Under another key the old one is stopped first.
 * 2. Letting go of a transfer does not end its process; `stop` does, also one that is just being started.
 * 3. An end that this agent has taken is not taken again: what is asked again after it is done again.
 */
import { FailureError } from '../core/failure.ts';
import type { Progress, RunKind } from '../domain/run.ts';
import { engineCommand, engineVariables } from '../engines/files/command.ts';
import type { EngineEvent, EngineResult, EngineResultOf } from '../engines/files/events.ts';
import type { Job } from '../engines/files/job.ts';
import { type Attached, attachEngine, lastToken } from '../runner/attach.ts';
import {
  type EngineBounds,
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

/** The last line of an engine, once it was heard. */
interface Said {
  ending?: EngineEvent;
}

/** What is followed of a run; the process is undefined where only its end was found. */
type Followed = Pick<EngineRun, 'result'>;

/** What an engine that another agent or attempt left may take to stop. */
const leftoverGraceMs = 5_000;
/** What the last engines of an agent that ends may take to be gone. */
const killAllMs = 1_000;

export class EngineRuns {
  readonly #options: EngineRunsOptions;
  readonly #runs = new Map<string, EngineRun>();
  readonly #starting = new Map<string, { key: string; started: Promise<Followed> }>();
  /** The keys whose ends were taken, by run. */
  readonly #taken = new Map<string, string>();

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
    this.#taken.delete(id);
    await this.#directoryOf(id).remove();
  }

  /**
   * Kills every engine but those of the runs that go on without their agent; resolves when none is left, or none can be
   * ended. The kill is sent before this returns.
   */
  async killAll(goesOn: (id: string) => boolean = () => false): Promise<void> {
    const ids = [...new Set([...this.#runs.keys(), ...this.#starting.keys()])].filter(id => !goesOn(id));
    await Promise.all(ids.map(id => this.stop(id, { graceMs: 0, killMs: killAllMs })));
  }

  /**
   * Runs a job to its end under `key`, or follows the process that does so already. Rejects with a FailureError: the
   * job's own, or what the process's end means. Where `signal` is aborted it rejects with the signal's reason, and the
   * process goes on. Its runner keeps to `bounds` though this agent should not come back.
   */
  async run<Task extends Job['task']>(
    id: string,
    key: string,
    job: Extract<Job, { task: Task }>,
    signal: AbortSignal,
    bounds: EngineBounds = {},
  ): Promise<EngineResultOf<Task>> {
    const followed = await this.#followed(id, key, job, signal, bounds);
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return (await Promise.race([followed.result, aborted])) as EngineResultOf<Task>;
  }

  /**
   * Looks for what runs of a run whose agent was away, and follows it from now on; `run` under its key takes its end.
   * What is gone may have left processes that `stop` ends.
   */
  async reattach(id: string, kind: RunKind): Promise<Attached['found']> {
    if (this.#runs.has(id)) return 'alive';
    const key = lastToken(this.#directoryOf(id));
    return key === undefined ? 'gone' : (await this.#attach(id, kind, key)).found;
  }

  /** Ends whatever process a run has, by the stop ladder, and says whether any is left. */
  async stop(id: string, order: StopOrder): Promise<StopResult> {
    if (!this.#runs.has(id)) await this.#starting.get(id)?.started.catch(() => undefined);
    return await this.#stopNow(id, order);
  }

  /** Ends what an agent that is gone left of a run that is over, such as one that was given up for lost meanwhile. */
  async stopLeft(id: string): Promise<void> {
    if (lastToken(this.#directoryOf(id)) !== undefined) await this.stop(id, { graceMs: leftoverGraceMs });
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
  async #followed(id: string, key: string, job: Job, signal: AbortSignal, bounds: EngineBounds): Promise<Followed> {
    const starting = this.#starting.get(id);
    if (starting?.key === key) return await starting.started;
    const run = this.#runs.get(id);
    if (!starting && run?.key === key) return run;
    const started = this.#left(id, key, job).then(left => left ?? this.#start(id, key, job, signal, bounds));
    this.#starting.set(id, { key, started });
    try {
      return await started;
    } finally {
      if (this.#starting.get(id)?.started === started) this.#starting.delete(id);
    }
  }

  /** What another agent left under this key: a process that runs, or an end that nobody has taken. */
  async #left(id: string, key: string, job: Job): Promise<Followed | undefined> {
    const isLeft = !this.#runs.has(id) && lastToken(this.#directoryOf(id)) === key && this.#taken.get(id) !== key;
    return isLeft ? (await this.#attach(id, kindOf(job), key)).followed : undefined;
  }

  async #attach(id: string, kind: RunKind, key: string): Promise<{ found: Attached['found']; followed?: Followed }> {
    const said: Said = {};
    const attached = await attachEngine(this.#directoryOf(id), { onLine: line => this.#hear(id, line, said) });
    const { found } = attached;
    if (found === 'alive') return { found, followed: this.#follow(id, kind, key, attached.process, said) };
    if (found !== 'ended') return { found };
    const result = this.#outcome(id, key, attached.end, said);
    result.catch(() => undefined); // whoever follows hears of it
    return { found, followed: { result } };
  }

  async #start(id: string, key: string, job: Job, signal: AbortSignal, bounds: EngineBounds): Promise<Followed> {
    await this.#stopNow(id, { graceMs: leftoverGraceMs }); // invariant 1
    signal.throwIfAborted();
    const directory = this.#directoryOf(id);
    await directory.create();
    const [command, ...args] = engineCommand(await directory.writeJob(job));
    signal.throwIfAborted();
    const said: Said = {};
    const engine = await startEngine({
      command,
      args,
      directory,
      token: key,
      env: engineVariables(job.task),
      bounds,
      onLine: line => this.#hear(id, line, said),
    });
    return this.#follow(id, kindOf(job), key, engine, said);
  }

  #follow(id: string, kind: RunKind, key: string, process: EngineProcess, said: Said): Followed {
    const result = process.ended.then(end => {
      if (this.#runs.get(id)?.process === process) this.#runs.delete(id);
      return this.#outcome(id, key, end, said);
    });
    result.catch(() => undefined); // whoever follows hears of it
    const run: EngineRun = { kind, key, process, result, progress: undefined, advancedAt: performance.now() };
    this.#runs.set(id, run);
    return run;
  }

  /** What the engine said last, in its lines or in the file that a cut log does not lose; else what its end means. */
  async #outcome(id: string, key: string, end: EngineEnd, { ending }: Said): Promise<EngineResult> {
    const text = ending ? undefined : await this.#directoryOf(id).result();
    const event = ending ?? (text === undefined ? undefined : eventOf(text));
    this.#taken.set(id, key);
    if (event?.type === 'failure') throw new FailureError(event.failure);
    // Where its runner was killed nobody knows the status; that it said its result is enough.
    const isDone = end.code === 0 || (end.code === null && end.signal === null);
    if (event?.type === 'result' && isDone) return event.result;
    throw await this.#endedWithout(id, end);
  }

  async #endedWithout(id: string, end: EngineEnd): Promise<FailureError> {
    const tail = await this.stderrTail(id, 500);
    const message = `the engine ${howItEnded(end)} and said no result${tail ? `: ${tail}` : ''}`;
    return new FailureError({ ...meaningOf(end), message, hint: 'see its log with: reeve logs' });
  }

  #hear(id: string, line: string, said: Said): void {
    const event = eventOf(line);
    if (event?.type === 'result' || event?.type === 'failure') said.ending = event;
    const run = this.#runs.get(id);
    if (event?.type !== 'progress' || !run) return;
    const { bytesDone, filesDone } = event.progress;
    if (bytesDone !== run.progress?.bytesDone || filesDone !== run.progress?.filesDone)
      run.advancedAt = performance.now();
    run.progress = event.progress;
    this.#options.onProgress(run.kind, id, event.progress);
  }
}

function kindOf({ task }: Job): RunKind {
  return task === 'restore' || task === 'verify' ? task : 'backup';
}

/** What its runner ended is not tried again. */
function meaningOf({ why, oomKilled }: EngineEnd): { kind: 'permanent' | 'transient'; code: string } {
  if (why === 'deadline') return { kind: 'permanent', code: 'deadline-run' };
  if (why === 'cancel') return { kind: 'permanent', code: 'user-cancelled' };
  return { kind: 'transient', code: oomKilled ? 'oom-killed' : 'engine-failed' };
}

function howItEnded({ code, signal, why, oomKilled }: EngineEnd): string {
  if (why === 'deadline') return 'was ended by its runner at its deadline';
  if (why === 'cancel') return 'was cancelled on its host';
  if (oomKilled) return 'was killed by the kernel for its memory';
  if (signal) return `was killed by ${signal}`;
  return code === null ? 'ended with a status that nobody knows' : `ended with status ${code}`;
}

/** A line that is no event of ours is passed over: the outcome is told by the exit and the proof. */
function eventOf(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}
