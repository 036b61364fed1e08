/** Reading one actor's records forward at the stream's leader: what followed a revision, and what of it counts. */
import type { StoredRecord } from '../runtime/record-store.ts';
import type { Link } from './connection.ts';
import { type Kept, readMessage } from './jetstream.ts';
import { decodeRecord, EffectiveLog } from './record-log.ts';

export interface Walk {
  /** The effective records beyond the revision, oldest first; those before a tombstone included. */
  chain: StoredRecord[];
  /** The subject's last message, effective or not; undefined where there is none. */
  last: Kept | undefined;
}

/** Walks from revision `after` (0: the beginning) to the subject's end. */
export async function walkFrom(link: Link, stream: string, subject: string, after: number): Promise<Walk> {
  let last = await readMessage(link, stream, { last_by_subj: subject });
  const chain: StoredRecord[] = [];
  if (!last) return { chain, last };
  const log = new EffectiveLog(true);
  log.start(subject, after);
  for (let seq = after + 1; seq <= last.seq; ) {
    const next: Kept | undefined =
      seq === last.seq ? last : await readMessage(link, stream, { seq, next_by_subj: subject });
    if (!next) break;
    const stored = log.take(next);
    if (stored) chain.push(stored);
    if (next.seq > last.seq) last = next;
    seq = next.seq + 1;
  }
  return { chain, last };
}

/** The newest record that counts; undefined where there is none, or a tombstone. */
export async function newestEffective(link: Link, stream: string, subject: string): Promise<StoredRecord | undefined> {
  const last = await readMessage(link, stream, { last_by_subj: subject });
  const stored = last && decodeRecord(last);
  if (!stored) return undefined;
  return (await walkFrom(link, stream, subject, stored.record.after)).chain.at(-1);
}
