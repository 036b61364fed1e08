/** Where schedules are kept. */
import type { DocumentStore } from './document-store.ts';
import type { Schedule } from './schedule.ts';

export interface StoredSchedule {
  schedule: Schedule;
  /** Counts the changes of this schedule, from 1; one that is put again after a deletion goes on counting. */
  revision: number;
}

export type ScheduleStore = DocumentStore<Schedule, StoredSchedule>;
