/**
 * Tells when a schedule comes to be blocked, when it is so no more, and when it has ended. What was told is known in memory
 * only: after a restart a schedule that is blocked is told again.
 */
import type { Fact, Observer } from '../../domain/facts.ts';
import { scheduleContextOf } from '../../domain/schedule-context.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import { pairOf } from './pairs.ts';

export interface ScheduleFactsOptions {
  /** The record of an actor that runs here. */
  recordOf: (id: string) => ActorRecord | undefined;
  observe: Observer;
}

export class ScheduleFacts {
  readonly #options: ScheduleFactsOptions;
  /** The run that was told to be in the way, by the id of the schedule's actor. */
  readonly #told = new Map<string, string>();

  constructor(options: ScheduleFactsOptions) {
    this.#options = options;
  }

  /** To be called with each fact. */
  hear(fact: Fact): void {
    if (fact.fact === 'actor.fenced' && fact.kind === 'schedule') this.#told.delete(fact.id);
    if (fact.fact !== 'actor.transition' || fact.kind !== 'schedule') return;
    const { id, state, final, at } = fact;
    // The first record here of an actor that is taken over is told before it can be found.
    if (state === 'blocked') setImmediate(() => this.#look(id, at));
    else if (this.#told.size > 0 && state !== 'firing') this.#unblocked(id, at);
    if (final) this.#options.observe({ fact: 'schedule.retired', ...pairOf(id), at });
  }

  #look(id: string, at: string): void {
    const record = this.#options.recordOf(id);
    const blocked = record?.state === 'blocked' ? scheduleContextOf(record).blocked : null;
    if (!blocked) return;
    const { run, state, since, why } = blocked;
    if (this.#told.get(id) === run) return;
    this.#unblocked(id, at);
    this.#told.set(id, run);
    this.#options.observe({ fact: 'schedule.blocked', ...pairOf(id), run, state, since, why, at });
  }

  #unblocked(id: string, at: string): void {
    const run = this.#told.get(id);
    if (run === undefined) return;
    this.#told.delete(id);
    this.#options.observe({ fact: 'schedule.unblocked', ...pairOf(id), run, at });
  }
}
