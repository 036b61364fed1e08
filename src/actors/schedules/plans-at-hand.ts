/**
 * Plans as schedules read them: each from its store, with the Defaults that the feed of documents has told. A tick must not
 * cost a search for Defaults among all documents.
 */
import { type Defaults, withDefaults } from '../../domain/defaults.ts';
import type { DocumentsHeard } from '../../domain/document-feed.ts';
import type { PlanStore, StoredPlan } from '../../domain/plan-store.ts';

export class PlansAtHand {
  readonly #plans: Pick<PlanStore, 'getWritten'>;
  readonly #defaults = new Map<string, Defaults>();

  constructor(plans: Pick<PlanStore, 'getWritten'>) {
    this.#plans = plans;
  }

  /** To be told by the feed. */
  readonly heard: Required<Pick<DocumentsHeard, 'defaults'>> = {
    defaults: (name, stored) => {
      if (stored) this.#defaults.set(name, stored.defaults);
      else this.#defaults.delete(name);
    },
  };

  /** Rejects with `refused` where the plan is incomplete even with its Defaults. */
  async get(name: string): Promise<StoredPlan | undefined> {
    const live = await this.#plans.getWritten(name);
    return live && withDefaults(live, [...this.#defaults.values()]);
  }
}
