/**
 * One reading of what a stream holds now, under a filter: a push consumer that ends when it has caught up.
 *
 * 1. What the server counts as pending tells no end: nats-server 2.9 counts wrongly, too few as well as too many, where a
 *    reading begins in the midst of subjects, and where messages are replaced under it.
 * 2. It ends with the message that was the last one when it began. Of the last messages of subjects one may have been
 *    replaced under it, and comes behind that: so there it ends once nothing is behind what it has seen.
 * 3. Where that message is gone, a heartbeat of a server that has nothing more to deliver ends it.
 */
import type { ConsumerConfig } from '@nats-io/jetstream';
import { createInbox } from 'nats';
import type { Link } from './connection.ts';
import { createConsumer, JetStreamRefusal, type Kept, readMessage } from './jetstream.ts';
import { idleAfter, orderedConsumer } from './ordered-consumer.ts';
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
  const lastOf = () => readMessage(link, stream, { last_by_subj: reading.filter });
  const last = await lastOf();
  if (last && isBehind(last, reading.from)) return;
  const inbox = createInbox();
  let [seen, seenTo] = [0, 0];
  /** Undefined where the server names none: it does so too where the last message was removed. */
  let end = last?.seq;
  let isAsking = false;
  let stall: NodeJS.Timeout | undefined;
  const done = Promise.withResolvers<void>();
  const stalled = () =>
    done.reject(new JetStreamRefusal({ code: 503, description: 'a reading stood still' }, reading.filter));
  const look = () => {
    if (isAsking || (end !== undefined && seenTo < end)) return;
    if (end !== undefined && reading.from !== 'last-per-subject') return done.resolve();
    isAsking = true;
    lastOf().then(newest => {
      isAsking = false;
      end = newest?.seq;
      // Whatever is the last of its subject now was passed: none is missing.
      if (end !== undefined && end <= seenTo) done.resolve();
    }, done.reject);
  };
  const subscription = link.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error) return done.reject(error);
      if (message.headers?.code === 100) {
        const held = message.headers.get('Nats-Consumer-Stalled'); // it waits for word of ours
        if (message.reply) message.respond();
        else if (held) link.connection.publish(held);
        if (idleAfter(message) === seen) done.resolve();
        return;
      }
      stall?.refresh();
      const place = placeOf(message.reply ?? '');
      seen += 1;
      if (place?.consumerSeq !== seen) return stalled();
      const { subject, data, headers } = message;
      const { seq, atMs } = place;
      seenTo = seq;
      try {
        const more = see({ subject, seq, atMs, data, header: name => headers?.get(name) ?? '' });
        if (more === false) done.resolve();
        else look();
      } catch (defect) {
        done.reject(defect);
      }
    },
  });
  // Handled below; a rejection before that must not count as unhandled.
  done.promise.catch(() => {});
  try {
    const info = await createConsumer(link, stream, {
      ...startOf(reading.from),
      ...orderedConsumer(inbox, reading.filter, inactiveMs),
    });
    if (!last && info.num_pending === 0 && info.delivered.consumer_seq === 0) return;
    stall = setTimeout(stalled, stallMs);
    look();
    await done.promise;
  } finally {
    clearTimeout(stall);
    if (!link.isClosed) subscription.unsubscribe();
  }
}

function isBehind({ seq, atMs }: Kept, from: Reading['from']): boolean {
  return typeof from === 'object' && ('seq' in from ? seq < from.seq : atMs < Math.floor(from.atMs));
}

function startOf(from: Reading['from']): Partial<ConsumerConfig> {
  if (from === 'all') return { deliver_policy: 'all' };
  if (from === 'last-per-subject') return { deliver_policy: 'last_per_subject' };
  if ('atMs' in from)
    return { deliver_policy: 'by_start_time', opt_start_time: new Date(Math.max(0, from.atMs)).toISOString() };
  return { deliver_policy: 'by_start_sequence', opt_start_seq: from.seq };
}
