/**
 * A feed: every message of a stream under a filter, in order, over one ephemeral push consumer that is made anew
 * whenever anything was lost.
 *
 * 1. Within one consumer nothing is skipped: a gap in the consumer's own count, a missed heartbeat or a reconnection
 *    makes a new consumer.
 * 2. A `resume` feed goes on behind the last message that it delivered, if the stream still counts from the same
 *    beginning; a stream that lost its tail, or counts from 1 again, is delivered from the start of the feed's policy.
 * 3. A `repeat` feed delivers all that its policy names each time: its receivers know their place.
 */
import type { ConsumerConfig } from '@nats-io/jetstream';
import { createInbox, type Msg, type Subscription } from 'nats';
import type { Link } from './connection.ts';
import { createConsumer, isTransient, JetStreamRefusal, type Kept, readMessage, streamInfo } from './jetstream.ts';
import { listen } from './listen.ts';
import { heartbeatMs, idleAfter, orderedConsumer } from './ordered-consumer.ts';

export interface FeedOptions {
  stream: string;
  filter: string;
  /** What a feed begins with: everything kept, or the newest message of each subject. */
  from: 'all' | 'last-per-subject';
  afterLoss: 'resume' | 'repeat';
  deliver: (message: Kept) => void;
}

const retryMs = 200;
const inactiveMs = 5_000;

/** Starts a feed; resolves with the function that ends it, once all that was kept at the start has been delivered. */
export async function openFeed(link: Link, options: FeedOptions): Promise<() => void> {
  const feed = new Feed(link, options);
  await feed.caughtUp;
  return () => feed.close();
}

class Feed {
  readonly caughtUp: Promise<void>;
  readonly #link: Link;
  readonly #options: FeedOptions;
  #sayCaughtUp: () => void = () => {};
  #subscription: Subscription | undefined;
  /** Counts the consumers, so that a late message of an old one is known. */
  #generation = 0;
  #consumerSeq = 0;
  #last: { seq: number; atMs: number } | undefined;
  #heardAtMs = 0;
  #isResumed = false;
  #closed = false;
  readonly #stopListening: () => void;
  readonly #watchdog: NodeJS.Timeout;

  constructor(link: Link, options: FeedOptions) {
    this.#link = link;
    this.#options = options;
    this.caughtUp = new Promise(resolve => {
      this.#sayCaughtUp = resolve;
    });
    this.#stopListening = link.onChange(up => (up ? void this.#begin() : this.#drop()));
    this.#watchdog = setInterval(() => this.#check(), heartbeatMs);
    this.#watchdog.unref();
    void this.#begin();
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    clearInterval(this.#watchdog);
    this.#drop();
    this.#sayCaughtUp();
  }

  #drop(): void {
    this.#generation += 1;
    // The server removes the consumer by itself when nobody listens.
    if (!this.#link.isClosed) this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #check(): void {
    if (this.#subscription && performance.now() - this.#heardAtMs > 3 * heartbeatMs) void this.#begin();
  }

  /** Makes a consumer; tries until one stands, the link goes away (its return begins again), or another try began. */
  async #begin(): Promise<void> {
    this.#drop();
    const generation = this.#generation;
    while (!this.#closed && this.#link.isUp && generation === this.#generation) {
      try {
        await this.#create(generation);
        return;
      } catch (error) {
        if (this.#closed || generation !== this.#generation) return;
        this.#subscription?.unsubscribe();
        this.#subscription = undefined;
        if (!isTransient(error) && !(error instanceof JetStreamRefusal)) throw error;
        await new Promise(resolve => setTimeout(resolve, retryMs));
      }
    }
  }

  async #create(generation: number): Promise<void> {
    const start = await this.#start();
    this.#isResumed = start.opt_start_seq !== undefined;
    if (generation !== this.#generation) return;
    const inbox = createInbox();
    this.#consumerSeq = 0;
    this.#heardAtMs = performance.now();
    this.#subscription = listen(this.#link, inbox, message => {
      if (generation === this.#generation) this.#receive(message);
    });
    const info = await createConsumer(this.#link, this.#options.stream, {
      ...start,
      ...orderedConsumer(inbox, this.#options.filter, inactiveMs),
    });
    if (generation === this.#generation && info.num_pending === 0 && info.delivered.consumer_seq === 0)
      this.#sayCaughtUp();
  }

  /** Where the next consumer begins (invariants 2 and 3). */
  async #start(): Promise<Partial<ConsumerConfig>> {
    const policy = { deliver_policy: this.#options.from === 'all' ? 'all' : 'last_per_subject' } as const;
    const last = this.#last;
    if (this.#options.afterLoss === 'repeat' || !last) return policy;
    const info = await streamInfo(this.#link, this.#options.stream);
    if (!info || info.state.last_seq < last.seq) return policy;
    const same = await readMessage(this.#link, this.#options.stream, { seq: last.seq });
    if (same && same.atMs !== last.atMs) return policy;
    return { deliver_policy: 'by_start_sequence', opt_start_seq: last.seq + 1 };
  }

  #receive(message: Msg): void {
    this.#heardAtMs = performance.now();
    if (message.headers?.code === 100) {
      const stalled = message.headers.get('Nats-Consumer-Stalled');
      if (message.reply) message.respond();
      else if (stalled) this.#link.connection.publish(stalled);
      const lastSent = message.headers.get('Nats-Last-Consumer');
      if (lastSent && Number(lastSent) > this.#consumerSeq) void this.#begin();
      else if (idleAfter(message) === this.#consumerSeq) this.#sayCaughtUp();
      return;
    }
    const place = placeOf(message.reply ?? '');
    if (!place || place.consumerSeq !== this.#consumerSeq + 1) {
      void this.#begin();
      return;
    }
    this.#consumerSeq = place.consumerSeq;
    this.#last = place;
    this.#deliver(message, place);
    // From where it resumes, the count may be wrong (see stream-read.ts); a heartbeat says it then.
    if (place.pending === 0 && !this.#isResumed) this.#sayCaughtUp();
  }

  #deliver(message: Msg, place: { seq: number; atMs: number }): void {
    const { subject, data, headers } = message;
    const header = (name: string) => headers?.get(name) ?? '';
    this.#options.deliver({ subject, seq: place.seq, atMs: place.atMs, data, header });
  }
}

/**
 * What the reply subject of a delivered message says: `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer
 * seq>.<nanoseconds>.<pending>`, or the longer form with a domain and an account in front.
 */
export function placeOf(
  reply: string,
): { seq: number; consumerSeq: number; atMs: number; pending: number } | undefined {
  const tokens = reply.split('.');
  if (tokens[1] !== 'ACK' || tokens.length < 9) return undefined;
  const at = tokens.length === 9 ? 4 : 6;
  return {
    seq: Number(tokens[at + 1]),
    consumerSeq: Number(tokens[at + 2]),
    atMs: Math.floor(Number(tokens[at + 3]?.slice(0, -3)) / 1_000),
    pending: Number(tokens[at + 4]),
  };
}
