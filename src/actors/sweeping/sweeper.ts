/**
 * The sweeper: a child of the agent's tree that finds what crashes left, and removes it by proof.
 *
 * 1. It looks at the agent's start, every ten minutes, and when a run of this agent was ended by another; not while the
 *    agent drains: then it is no more.
 * 2. What a run left is removed only where its record is final, or where nobody knows of the run, an incarnation before
 *    this one left it and no process of it lives. What a run that is not over has, or another agent's, is not touched.
 * 3. Each removal is told; what cannot be proved is left, and told once by an incarnation.
 * 4. A sweep is bounded in time. What it could not ask it asks at the next one; it never crashes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable } from '../../core/answer-error.ts';
import { defectOf } from '../../core/defect.ts';
import { timeText } from '../../core/time-text.ts';
import type { Fact } from '../../domain/facts.ts';
import type { Child, ChildSpec } from '../../runtime/supervisor.ts';
import type { AgentParts } from '../agent-parts.ts';
import { sweepRepositories } from './sweep-repositories.ts';
import { type Sweep, sweepRuns } from './sweep-runs.ts';

const everyMs = 10 * 60_000;
const sweepMsMax = 5 * 60_000;

export class Sweeper {
  readonly #parts: AgentParts;
  /** By the clock of the host, as its files have it. */
  readonly #sinceMs = Date.now();
  readonly #told = new Set<string>();
  #wake: () => void = () => undefined;
  #isWoken = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Sweeps soon where a fact says that there is something. */
  hear({ fact }: Fact): void {
    if (fact !== 'run.given-up') return;
    this.#isWoken = true;
    this.#wake();
  }

  asChild(): ChildSpec {
    return { id: 'sweeper', restart: 'permanent', start: () => this.#start() };
  }

  #start(): Child {
    const { config, clock } = this.#parts;
    const stopping = new AbortController();
    const sweeping = this.#sweepUntil(stopping.signal);
    return {
      drain: async deadline => {
        stopping.abort(new Error('the agent drains'));
        const late = sleep(Math.max(0, deadline - clock.now()), 'late' as const, { ref: false });
        const isLate = (await Promise.race([sweeping, late])) === 'late';
        return isLate ? [{ kind: 'sweeper', id: config.name, why: 'a sweep did not end in time' }] : [];
      },
    };
  }

  /** Resolves once the signal is aborted; never rejects. */
  async #sweepUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isWoken = false;
      const bound = AbortSignal.any([signal, AbortSignal.timeout(sweepMsMax)]);
      for (const sweep of [sweepRuns, sweepRepositories])
        await sweep(this.#parts, this.#sweep(bound)).catch((error: unknown) => this.#trouble(error, bound));
      await this.#rest(signal);
    }
  }

  /** Until the next sweep is due, it is woken, or the signal is aborted. */
  async #rest(signal: AbortSignal): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#wake = woken.resolve;
    const isOver = new AbortController();
    const rest = AbortSignal.any([signal, isOver.signal]);
    const slept = sleep(everyMs, undefined, { signal: rest, ref: false }).catch(() => undefined);
    if (!this.#isWoken) await Promise.race([slept, woken.promise]);
    isOver.abort();
  }

  #sweep(signal: AbortSignal): Sweep {
    const { observe, clock } = this.#parts;
    const at = () => timeText(clock.now());
    return {
      sinceMs: this.#sinceMs,
      signal,
      removed: (what, where, why) => observe({ fact: 'sweep.removed', what, where, why, at: at() }),
      left: (what, where, why) => {
        const key = [what, where, why].join('\0');
        if (!this.#told.has(key)) observe({ fact: 'sweep.left', what, where, why, at: at() });
        this.#told.add(key);
      },
    };
  }

  /** While NATS is away nothing can be known, and others say so. */
  #trouble(error: unknown, signal: AbortSignal): void {
    if (signal.aborted || isUnavailable(error)) return;
    const { observe, clock } = this.#parts;
    observe(defectOf('the sweeper', error, timeText(clock.now())));
  }
}
