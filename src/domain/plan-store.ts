/**
 * Where plans are kept: as they were put, and read with the Defaults that match them. What acts on a plan acts on that.
 */
import type { DocumentStore, PutOptions } from './document-store.ts';
import type { Pause } from './pause.ts';
import type { Plan, PlanDocument } from './plan.ts';

/** A plan as it was put. */
export interface WrittenPlan {
  written: PlanDocument;
  /** Counts the changes of this plan, from 1; a deleted plan that is put again goes on counting. */
  revision: number;
  /** As it was stored, also where it is over by now; a change of the plan leaves it. */
  paused: Pause | null;
}

export interface StoredPlan extends WrittenPlan {
  /** With its Defaults under it. */
  plan: Plan;
}

export interface PlanStore extends DocumentStore<PlanDocument, StoredPlan> {
  /** Rejects with `refused` where the plan is incomplete even with its Defaults. */
  get(name: string): Promise<StoredPlan | undefined>;
  /** Those that are complete, by name. */
  list(): Promise<StoredPlan[]>;
  /** As `get`, whether it is complete or not. */
  getWritten(name: string): Promise<WrittenPlan | undefined>;
  listWritten(): Promise<WrittenPlan[]>;
  /**
   * Pauses a plan, or with null lets it go on; false where there is none. A repeat of a `requestId` changes nothing.
   */
  pause(name: string, pause: Pause | null, options?: PutOptions): Promise<boolean>;
}
