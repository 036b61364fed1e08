/**
 * Plans as schedules read them: a tick must not cost a search among all documents, nor a request of its own.
 *
 * What the feed of documents has told counts only where the newest change that the store has, asked after the tick came, is
 * the last one that was told: so a plan that was changed or paused a moment before its tick is read as it then is. Else the
 * plan itself is asked for, and has the Defaults that were told. Ticks of one moment ask together.
 */
import { SharedAnswer } from '../../core/shared-answer.ts';
import { type Defaults, withDefaults } from '../../domain/defaults.ts';
import type { DocumentsHeard } from '../../domain/document-feed.ts';
import type { PlanStore, StoredPlan, WrittenPlan } from '../../domain/plan-store.ts';

export class PlansAtHand {
  readonly #plans: Pick<PlanStore, 'getWritten'>;
  readonly #newest: SharedAnswer<number>;
  #told = 0;
  readonly #written = new Map<string, WrittenPlan>();
  readonly #defaults = new Map<string, Defaults>();

  /** `newest` asks the store which of the changes that a feed tells is the newest. */
  constructor(plans: Pick<PlanStore, 'getWritten'>, newest: () => Promise<number>) {
    this.#plans = plans;
    this.#newest = new SharedAnswer(newest);
  }

  /** To be told by the feed. */
  readonly heard: Required<Pick<DocumentsHeard, 'change' | 'plan' | 'defaults'>> = {
    change: place => {
      if (place <= this.#told) this.#forget(); // it tells all from the start
      this.#told = place;
    },
    plan: (name, stored) => {
      if (stored) this.#written.set(name, stored);
      else this.#written.delete(name);
    },
    defaults: (name, stored) => {
      if (stored) this.#defaults.set(name, stored.defaults);
      else this.#defaults.delete(name);
    },
  };

  /** Rejects with `refused` where the plan is incomplete even with its Defaults. */
  async get(name: string): Promise<StoredPlan | undefined> {
    const newest = await this.#newest.ask();
    const live = newest === this.#told ? this.#written.get(name) : await this.#plans.getWritten(name);
    return live && withDefaults(live, [...this.#defaults.values()]);
  }

  #forget(): void {
    this.#written.clear();
    this.#defaults.clear();
  }
}
