/**
 * One reading of what a stream holds now, under a filter: a push consumer that ends with the message that was the newest
 * when the reading began. The server's own count of what is still to come is not trusted: from a sequence on, nats-server
 * 2.9 counts too many (such a reading never ended) or too few (it ended before its newest messages).
 */
import type { ConsumerConfig } from '@nats-io/jetstream';
import { createInbox } from 'nats';
import type { Link } from './connection.ts';
import { createConsumer, JetStreamRefusal, type Kept, readMessage } from './jetstream.ts';
import { orderedConsumer } from './ordered-consumer.ts';
import { placeOf } from './ordered-feed.ts';

export interface Reading {
  filter: string;
  /** `atMs`: from what was stored at that moment on. */
  from: 'all' | 'last-per-subject' | { seq: number } | { atMs: number };
}

/** How long a reading may stand still before it is given up. */
const inactiveMs = 2_000;
const stallMs = 2_000;

/**
 * Calls `see` for each message, oldest first, until it has seen what the stream held when the reading began, or `see`
 * answers false. Rejects when the link is lost on the way: a reading is repeated as a whole.
 */
export async function readStream(
  link: Link,
  stream: string,
  reading: Reading,
  see: (message: Kept) => boolean | undefined,
): Promise<void> {
  const newest = await readMessage(link, stream, { last_by_subj: reading.filter });
  if (!newest || isBefore(newest, reading.from)) return;
  const inbox = createInbox();
  let seen = 0;
  let stall: NodeJS.Timeout | undefined;
  const done = Promise.withResolvers<void>();
  const stalled = () =>
    done.reject(new JetStreamRefusal({ code: 503, description: 'a reading stood still' }, reading.filter));
  /** The server has nothing more to send: the newest message was removed meanwhile, or is not coming. */
  const idle = () =>
    void readMessage(link, stream, { seq: newest.seq }).then(kept => (kept ? stalled() : done.resolve()), done.reject);
  const subscription = link.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error) return done.reject(error);
      stall?.refresh();
      if (message.headers?.code === 100) {
        const held = message.headers.get('Nats-Consumer-Stalled'); // it waits for word of ours
        if (message.reply) message.respond();
        else if (held) link.connection.publish(held);
        else idle();
        return;
      }
      const place = placeOf(message.reply ?? '');
      seen += 1;
      if (place?.consumerSeq !== seen) return stalled();
      const { subject, data, headers } = message;
      try {
        const more = see({ subject, seq: place.seq, atMs: place.atMs, data, header: name => headers?.get(name) ?? '' });
        if (place.seq >= newest.seq || more === false) done.resolve();
      } catch (defect) {
        done.reject(defect);
      }
    },
  });
  // Handled below; a rejection before that must not count as unhandled.
  done.promise.catch(() => {});
  try {
    await createConsumer(link, stream, {
      ...startOf(reading.from),
      ...orderedConsumer(inbox, reading.filter, inactiveMs),
    });
    stall = setTimeout(stalled, stallMs);
    await done.promise;
  } finally {
    clearTimeout(stall);
    if (!link.isClosed) subscription.unsubscribe();
  }
}

function isBefore({ seq, atMs }: Kept, from: Reading['from']): boolean {
  if (typeof from === 'string') return false;
  return 'seq' in from ? seq < from.seq : atMs < Math.floor(from.atMs);
}

function startOf(from: Reading['from']): Partial<ConsumerConfig> {
  if (from === 'all') return { deliver_policy: 'all' };
  if (from === 'last-per-subject') return { deliver_policy: 'last_per_subject' };
  if ('atMs' in from)
    return { deliver_policy: 'by_start_time', opt_start_time: new Date(Math.max(0, from.atMs)).toISOString() };
  return { deliver_policy: 'by_start_sequence', opt_start_seq: from.seq };
}
