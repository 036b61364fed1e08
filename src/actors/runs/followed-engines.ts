/**
 * The engine processes that this agent follows, one a run at most: each from its start, or from where another incarnation
 * left it, to what the step makes of its end. What an engine leaves running when it exits is killed before anybody hears of
 * its end.
 */
import type { Progress, RunKind } from '../../domain/run.ts';
import type { EngineStep } from '../../engines/engine.ts';
import { endedByRunner, permanent, stuckHint } from '../../engines/failures.ts';
import { type Attached, attachEngine } from '../../runner/attach.ts';
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
import { RunDirectory } from '../../runner/run-directory.ts';
import { runToken } from '../../runner/run-token.ts';
import { EngineProgress } from './engine-progress.ts';

export interface FollowedEnginesOptions {
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

/** What is followed of a run. */
export interface Followed {
  /** What the step made of its end. */
  outcome: Promise<unknown>;
}

interface FollowedEngine extends Followed {
  key: string;
  process: EngineProcess;
  progress: EngineProgress;
}

/** How much of its stderr a step's outcome is told. */
const tailBytes = 4_096;

export class FollowedEngines {
  readonly #options: FollowedEnginesOptions;
  readonly #engines = new Map<string, FollowedEngine>();

  constructor(options: FollowedEnginesOptions) {
    this.#options = options;
  }

  /** The runs whose processes are followed. */
  get ids(): Iterable<string> {
    return this.#engines.keys();
  }

  /** What is followed of a run now: its process lives, or its end is not told yet. */
  find(id: string): (Followed & { readonly key: string; readonly progress: EngineProgress }) | undefined {
    return this.#engines.get(id);
  }

  /**
   * Starts a step of a run of which nothing runs, and follows it. Rejects with a FailureError where it cannot be started,
   * and with the signal's reason where that is aborted before its process is there.
   */
  async start(run: RunOfEngine, step: EngineStep<unknown>, signal: AbortSignal): Promise<Followed> {
    const { id, kind, key, bounds = {} } = run;
    const directory = this.#directoryOf(id);
    await directory.create();
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

  /** Looks for what another incarnation left of a run; `followed` where it runs, or has ended with a word. */
  async attach(
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

  /** Ends the process of a run, or what is left of one that nobody follows, by the stop ladder; says whether any is left. */
  async stop(id: string, order: StopOrder): Promise<StopResult> {
    const engine = this.#engines.get(id);
    if (!engine) return await stopLeftover(this.#directoryOf(id), order);
    const stopped = await engine.process.stop(order);
    if (stopped.gone && this.#engines.get(id) === engine) this.#engines.delete(id);
    return stopped;
  }

  #progressOf({ id, kind }: RunOfEngine): EngineProgress {
    return new EngineProgress(progress => this.#options.onProgress(kind, id, progress));
  }

  #follow(run: RunOfEngine, step: EngineStep<unknown>, process: EngineProcess, progress: EngineProgress): Followed {
    const { id, key } = run;
    const isCurrent = () => this.#engines.get(id)?.process === process;
    const outcome = process.ended
      .then(async end => {
        progress.end();
        // A stop has proved that nobody is left; who carries the token since then cleans up after it.
        const isLeft = isCurrent() && process.members().length > 0;
        const left = isLeft ? await process.stop({ graceMs: 0 }) : undefined;
        if (left && !left.gone) throw unkillable(left.pids);
        return await this.#outcome(id, step, end);
      })
      .finally(() => {
        if (isCurrent()) this.#engines.delete(id);
      });
    outcome.catch(() => undefined); // whoever follows hears of it
    this.#engines.set(id, { key, process, outcome, progress });
    if (step.measure) void progress.measure(step.measure);
    return { outcome };
  }

  async #outcome(id: string, step: EngineStep<unknown>, end: EngineEnd): Promise<unknown> {
    const told = { ...end, stderrTail: await this.#directoryOf(id).stderrTail(tailBytes) };
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

  #directoryOf(id: string): RunDirectory {
    return new RunDirectory(this.#options.data, id);
  }
}

function unkillable(pids: readonly number[]) {
  const message = `the engine has ended, and what it left running could not be killed: ${pids.join(', ')}`;
  return permanent('unkillable', message, stuckHint);
}
