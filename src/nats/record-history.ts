/**
 * An actor's past, newest first: from the bucket as far back as it keeps revisions, then from the history that is
 * sourced from it. Both know a record by its revision in the bucket, so what is in both is told once.
 */
import type { StoredRecord } from '../runtime/record-store.ts';
import type { Link } from './connection.ts';
import { type Kept, readMessage, streamInfo } from './jetstream.ts';
import { decodeRecord, EffectiveLog } from './record-log.ts';
import { readStream } from './stream-read.ts';

export interface HistoryPlace {
  subject: string;
  bucketStream: string;
  historyStream: string;
  replicated: boolean;
}

/** At most `limit` effective records before revision `before`. */
export async function readHistory(
  link: Link,
  place: HistoryPlace,
  limit: number,
  before: number,
): Promise<StoredRecord[]> {
  const found = new Map<number, StoredRecord>();
  const log = new EffectiveLog(place.replicated);
  await readStream(link, place.bucketStream, { filter: place.subject, from: 'all' }, message => {
    const stored = log.take(message);
    if (stored && stored.revision < before) found.set(stored.revision, stored);
    return true;
  });
  if (found.size < limit) {
    const oldest = Math.min(before, ...found.keys());
    for (const stored of await readSourced(link, place, limit - found.size, oldest)) found.set(stored.revision, stored);
  }
  return [...found.values()].sort((one, other) => other.revision - one.revision).slice(0, limit);
}

/**
 * The last `limit` records before a revision in the sourced stream. A stream cannot be read backwards, so a window
 * before the revision is read, and widened until it holds enough.
 */
async function readSourced(link: Link, place: HistoryPlace, limit: number, before: number): Promise<StoredRecord[]> {
  const info = await streamInfo(link, place.historyStream);
  if (!info || info.state.messages === 0) return [];
  const { first_seq: first, last_seq: last } = info.state;
  const newest = await readMessage(link, place.historyStream, { last_by_subj: place.subject });
  if (!newest) return [];
  // A sourced message never has a higher sequence here than in the bucket: only gaps before it can make it lower.
  const end = Math.min(before, newest.seq + 1, last + 1);
  for (let window = 4_096; ; window *= 8) {
    const from = Math.max(first, end - window);
    const found = await readWindow(link, place, from, before);
    if (found.length >= limit || from === first) return found.slice(-limit);
  }
}

async function readWindow(link: Link, place: HistoryPlace, from: number, before: number): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  const log = new EffectiveLog(place.replicated);
  await readStream(link, place.historyStream, { filter: place.subject, from: { seq: from } }, message => {
    const revision = sourceSeqOf(message);
    if (revision >= before) return false;
    const stored = decodeRecord(message, revision);
    if (stored && log.take({ ...message, seq: revision })) found.push(stored);
    return true;
  });
  return found;
}

/** The sequence that a sourced message has in its origin: the second word of its header. */
function sourceSeqOf(message: Kept): number {
  const seq = Number(message.header('Nats-Stream-Source').split(' ')[1]);
  return Number.isSafeInteger(seq) ? seq : message.seq;
}
