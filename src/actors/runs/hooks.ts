/**
 * Hooks: commands of the agent's own file that a plan names, `before` a backup's engine starts and `finally` once all of
 * it is over.
 *
 * 1. One hook of a run runs at a time. Whoever asks anew waits until the one before is gone, killed where it must be.
 * 2. What a dead agent left of a hook is found by the run's token, and killed before another hook of the run starts.
 * 3. Hooks must bear repetition: `before` runs again with each attempt and resumption and after a crash of the agent, and
 *    `finally` runs at least once for every run that had its turn, also where a hook before it failed half-way.
 */
import { formatDuration } from '../../core/durations.ts';
import { FailureError, failureOf } from '../../core/failure.ts';
import type { HookConfig } from '../../domain/exec-config.ts';
import type { Observer } from '../../domain/facts.ts';
import type { RunContext } from '../../domain/run.ts';
import { howItEnded, permanent, stuckHint } from '../../engines/failures.ts';
import { callHelper } from '../../runner/helper-call.ts';
import { Members } from '../../runner/members.ts';
import { runToken } from '../../runner/run-token.ts';
import { StopLadder } from '../../runner/stop-ladder.ts';
import { OneAtATime } from './one-at-a-time.ts';

export interface HooksOptions {
  /** The agent's data directory. */
  data: string;
  /** By name, as the agent's file defines them. */
  hooks: Readonly<Record<string, HookConfig>>;
  /** Told of every hook that failed, whatever comes of it. */
  observe: Observer;
  /** Now, as RFC 3339. */
  now: () => string;
}

type When = 'before' | 'finally';

/** One calling of a run's hooks of one kind. */
interface Call {
  run: RunContext;
  when: When;
  /** When the deadline `hooks` of the plan is over for all of them together (monotonic, ms). */
  endMs: number;
  signal: AbortSignal;
}

/** How much of the end of a hook's stderr a message has, in characters. */
const saidMax = 400;

export class Hooks {
  readonly #options: HooksOptions;
  readonly #turns = new OneAtATime();

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /**
   * Runs the hooks before, in their order. Rejects with the permanent failure `hook-failed` at the first that fails,
   * unless its `onError` is `ignore`, and with the signal's reason once nothing of them runs any more.
   */
  async before(run: RunContext, signal: AbortSignal): Promise<void> {
    await this.#each(run, 'before', signal, (name, failure) => {
      if (this.#hookOf(name)?.onError === 'ignore') return;
      throw permanent(
        'hook-failed',
        failure,
        'see to what it does; onError: ignore in the file of the agent goes on without it',
      );
    });
  }

  /** Runs the hooks after, each of them whatever became of the ones before; resolves with those that failed, and how. */
  async finally(run: RunContext, signal: AbortSignal): Promise<string[]> {
    const failed: string[] = [];
    // A run that never had its turn ran none before; another run of the plan may be in the middle of its own.
    if (run.admitted) await this.#each(run, 'finally', signal, (_, failure) => failed.push(failure));
    return failed;
  }

  async #each(
    run: RunContext,
    when: When,
    signal: AbortSignal,
    onFailure: (name: string, failure: string) => void,
  ): Promise<void> {
    const hooks = isForHooks(run) ? run.document.hooks : undefined;
    if (!hooks) return; // else also with none of this kind: the last one of the other must be gone
    await this.#turns.run(run.id, async () => {
      signal.throwIfAborted();
      await endLeftovers(run, this.#tokenOf(run));
      const endMs = performance.now() + (run.policy.deadlinesMs.hooks ?? Number.POSITIVE_INFINITY);
      for (const name of hooks[when] ?? []) {
        const failure = await this.#failureOf(name, { run, when, endMs, signal });
        if (failure === undefined) continue;
        const { task: kind, id } = run;
        this.#options.observe({
          fact: 'hook.failed',
          kind,
          id,
          hook: name,
          when,
          message: failure,
          at: this.#options.now(),
        });
        onFailure(name, failure);
      }
    });
  }

  /** Runs one; resolves with what went wrong, in words. */
  async #failureOf(name: string, { run, when, endMs, signal }: Call): Promise<string | undefined> {
    const what = `the hook ${name} (${when})`;
    const hook = this.#hookOf(name);
    if (!hook) return `${what} is not defined in the file of agent ${run.agent}`;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return `${what} was not run: the deadline hooks of ${deadlineOf(run)} was over`;
    const [command, ...args] = hook.run;
    const timeoutMs = Math.max(1, Math.min(hook.timeoutMs, Math.ceil(leftMs)));
    try {
      const end = await callHelper({
        what,
        command,
        args,
        env: variablesOf(run, when),
        token: this.#tokenOf(run),
        signal,
        timeoutMs,
      });
      if (end.code === 0) return undefined;
      const said = end.stderr.trim().slice(-saidMax);
      return `${what} ${howItEnded(end)}${said === '' ? '' : `: ${said}`}`;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FailureError)) throw error;
      return `${what}: ${failureOf(error).message}`;
    }
  }

  #tokenOf({ id }: RunContext): string {
    return runToken(this.#options.data, `${id}/hook`);
  }

  #hookOf(name: string): HookConfig | undefined {
    const { hooks } = this.#options;
    return Object.hasOwn(hooks, name) ? hooks[name] : undefined;
  }
}

/** Hooks make a source still for a backup; a restore or a verify reads nothing of it. */
function isForHooks({ task }: RunContext): boolean {
  return task === 'backup' || task === 'snapshot';
}

function variablesOf(run: RunContext, when: When): Record<string, string> {
  const known = { REEVE_RUN_ID: run.id, REEVE_PLAN: run.plan, REEVE_TASK: run.task };
  if (when === 'before') return known;
  const outcome = run.ending ?? 'failed';
  return { ...known, REEVE_STATE: outcome, REEVE_OUTCOME: outcome, REEVE_REASON: run.reason ?? '' };
}

/** Rejects where a process of a hook cannot be killed: it would work against the one that is to start. */
async function endLeftovers({ id }: RunContext, token: string): Promise<void> {
  const stopped = await new StopLadder(new Members(undefined, token), [], { graceMs: 0 }).run();
  if (stopped.gone) return;
  const pids = stopped.pids.join(', ');
  throw permanent('unkillable', `processes of an earlier hook of ${id} could not be ended: ${pids}`, stuckHint);
}

function deadlineOf(run: RunContext): string {
  return formatDuration(run.policy.deadlinesMs.hooks ?? 0);
}
