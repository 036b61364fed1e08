/** Schedules in the bucket of plans. A deleted one stays as a tombstone document: its revision goes on counting. */
import { isDeepStrictEqual } from 'node:util';
import type { Schedule } from '../domain/schedule.ts';
import type { ScheduleStore, StoredSchedule } from '../domain/schedule-store.ts';
import type { Link } from './connection.ts';
import { Documents } from './documents.ts';
import type { Names } from './names.ts';

interface ScheduleDocument {
  schedule: Schedule | null;
  revision: number;
}

export class NatsScheduleStore implements ScheduleStore {
  readonly #documents: Documents<ScheduleDocument>;

  constructor(link: Link, names: Names) {
    this.#documents = new Documents(link, names.plansBucket, 'the schedules');
  }

  async get(name: string): Promise<StoredSchedule | undefined> {
    const stored = await this.#documents.read(`schedule.${name}`);
    return stored && storedSchedule(stored.document);
  }

  async list(): Promise<StoredSchedule[]> {
    return (await this.#documents.list('schedule.')).flatMap(each => storedSchedule(each) ?? []);
  }

  async put(schedule: Schedule): Promise<{ revision: number }> {
    const stored = await this.#documents.change(`schedule.${schedule.name}`, now =>
      isDeepStrictEqual(now?.schedule, schedule) ? undefined : { schedule, revision: (now?.revision ?? 0) + 1 },
    );
    return { revision: stored?.revision ?? 0 };
  }

  async delete(name: string): Promise<boolean> {
    let existed = false;
    await this.#documents.change(`schedule.${name}`, now => {
      if (!now?.schedule) return undefined;
      existed = true;
      return { schedule: null, revision: now.revision + 1 };
    });
    return existed;
  }
}

function storedSchedule({ schedule, revision }: ScheduleDocument): StoredSchedule | undefined {
  return schedule ? { schedule, revision } : undefined;
}
