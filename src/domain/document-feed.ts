/** Who wants to hear of documents: of all that there are first, then of each change. */
import type { StoredDefaults } from './defaults-store.ts';
import type { WrittenPlan } from './plan-store.ts';
import type { StoredSchedule } from './schedule-store.ts';

/** Told the document as it now is, undefined once it is deleted. After a reconnection it may be told the same again. */
export interface DocumentsHeard {
  /** Told before each document: the place of its newest change among the changes of all. */
  change?: (place: number) => void;
  plan?: (name: string, stored: WrittenPlan | undefined) => void;
  schedule?: (name: string, stored: StoredSchedule | undefined) => void;
  defaults?: (name: string, stored: StoredDefaults | undefined) => void;
}
