/** Schedules in the bucket of plans. */
import type { Schedule } from '../domain/schedule.ts';
import type { ScheduleStore, StoredSchedule } from '../domain/schedule-store.ts';
import type { Link } from './connection.ts';
import { type DocumentKind, NamedDocuments } from './named-documents.ts';
import type { Names } from './names.ts';

export const scheduleDocuments: DocumentKind<'schedule', Schedule, StoredSchedule> = {
  kind: 'schedule',
  what: 'the schedules',
  storedOf: ({ document, revision }) => ({ schedule: document, revision }),
};

export class NatsScheduleStore extends NamedDocuments<'schedule', Schedule, StoredSchedule> implements ScheduleStore {
  constructor(link: Link, names: Names) {
    super(link, names, scheduleDocuments);
  }
}
