/** Where schedules are kept, in the manner of plans. */
import type { Schedule } from './schedule.ts';

export interface StoredSchedule {
  schedule: Schedule;
  revision: number;
}

export interface ScheduleStore {
  get(name: string): Promise<StoredSchedule | undefined>;
  list(): Promise<StoredSchedule[]>;
  put(schedule: Schedule, options?: { requestId?: string }): Promise<{ revision: number }>;
  delete(name: string, options?: { requestId?: string }): Promise<boolean>;
}
