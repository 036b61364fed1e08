/** Reading records for answers. */
import { AnswerError } from '../../core/answer-error.ts';
import type { RecordStore, StoredRecord } from '../../runtime/record-store.ts';

/** The newest record of each actor, newest first. */
export async function recordsOf(store: RecordStore, kind?: string): Promise<StoredRecord[]> {
  const stored: StoredRecord[] = [];
  for await (const each of store.list(kind)) stored.push(each);
  return stored.sort((one, other) => other.revision - one.revision);
}

/** The newest record of an actor, also of one that has left for the history. */
export async function recordOrPast(store: RecordStore, kind: string, id: string): Promise<StoredRecord | undefined> {
  return (await store.read(kind, id)) ?? (await store.history(kind, id, { limit: 1 }))[0];
}

/** The record of an actor; `not-found` where there is none. */
export async function recordOf(store: RecordStore, kind: string, id: string): Promise<StoredRecord> {
  const stored = await recordOrPast(store, kind, id);
  if (!stored)
    throw new AnswerError('not-found', `there is no ${kind} ${id}`, 'see what there is with: reeve ps --all');
  return stored;
}
