/** Where plans are kept. A plan has a revision; a change names the one that it follows, so that nobody overwrites unseen. */
import type { Pause } from './pause.ts';
import type { Plan } from './plan.ts';

export interface StoredPlan {
  plan: Plan;
  /** Counts the changes of this plan, from 1; a deleted plan that is put again goes on counting. */
  revision: number;
  /** As it was stored, also where it is over by now; a change of the plan leaves it. */
  paused: Pause | null;
}

export interface PlanStore {
  get(name: string): Promise<StoredPlan | undefined>;
  list(): Promise<StoredPlan[]>;
  /**
   * Stores a plan. The same document again changes nothing and answers the revision that it has; a `requestId` that was
   * answered before gets that answer (the last 32 of each plan are kept).
   */
  put(plan: Plan, options?: { requestId?: string }): Promise<{ revision: number }>;
  /**
   * Pauses a plan, or with null lets it go on; false where there is none. A repeat of a `requestId` changes nothing.
   */
  pause(name: string, pause: Pause | null, options?: { requestId?: string }): Promise<boolean>;
  /** Deletes a plan; false where there was none (a repeat of the `requestId` that deleted it answers true). */
  delete(name: string, options?: { requestId?: string }): Promise<boolean>;
}
