/**
 * Membership by leases in a bucket: one key an agent, renewed every second by compare-and-set.
 *
 * 1. A lease belongs to one incarnation. A renewal that finds another's lease in its place says so once, and ends.
 * 2. Nobody is judged dead for silence in which this agent's own renewals did not come back through the same watch.
 * 3. The offset of the cluster's time comes from own renewals: the server's time of one lies between its sending and
 *    its coming back, and of the last few the one that travelled least is believed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerError } from '../core/answer-error.ts';
import type { Lease, Member, Membership } from '../runtime/membership.ts';
import { ClusterOffset } from './cluster-offset.ts';
import type { Link } from './connection.ts';
import { isOvertaken, isTransient, JetStreamRefusal, type Kept, publish, readMessage } from './jetstream.ts';
import { type Names, streamOf, subjectOf } from './names.ts';
import { openFeed } from './ordered-feed.ts';
import { patiently } from './patience.ts';

export interface MembershipOptions {
  /** What this agent says of itself. */
  lease: Lease;
  /** How long a lease lasts without renewal; 15 s unless configured. */
  leaseMs?: number;
  /** This process's clock, milliseconds since the epoch. */
  now?: () => number;
  /** Asked only about a process that leased from this very host. */
  isProcessAlive: (process: Lease['process']) => boolean | Promise<boolean>;
}

/** A lease as the bucket keeps it. */
type StoredLease = Lease & { renewal: number };

interface Heard {
  lease: StoredLease;
  serverMs: number;
  /** When it came, by this process's clock. */
  heardMs: number;
}

const renewMs = 1_000;
/** Own renewals further apart than this are no hearing. */
const hearingGapMs = 3 * renewMs;

export class NatsMembership implements Membership {
  readonly #link: Link;
  readonly #bucket: string;
  readonly #leaseMs: number;
  readonly #now: () => number;
  readonly #isProcessAlive: MembershipOptions['isProcessAlive'];
  readonly #offset = new ClusterOffset();
  readonly #members = new Map<string, Heard>();
  /** The server's time of the newest message of each agent, farewells among them. */
  readonly #lastHeardMs = new Map<string, number>();
  readonly #sentMs = new Map<number, number>();
  #lease: Lease;
  #renewal = 0;
  #revision = 0;
  #hearing: { sinceMs: number; lastMs: number } | undefined;
  #lost: (by: Lease) => void = () => {};
  #renewing: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stops: (() => void)[] = [];
  #ended = false;

  constructor(link: Link, names: Names, options: MembershipOptions) {
    this.#link = link;
    this.#bucket = names.agentsBucket;
    this.#lease = options.lease;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#now = options.now ?? Date.now;
    this.#isProcessAlive = options.isProcessAlive;
  }

  async join(): Promise<void> {
    await this.#take();
    const stop = await openFeed(this.#link, {
      stream: streamOf(this.#bucket),
      filter: subjectOf(this.#bucket, '>'),
      from: 'last-per-subject',
      afterLoss: 'resume',
      deliver: message => this.#hear(message),
    });
    this.#stops = [stop, this.#link.onChange(up => up && this.#renew())];
    this.#timer = setInterval(() => this.#renew(), renewMs);
    this.#renew();
  }

  announce(change: Partial<Pick<Lease, 'mode' | 'labels' | 'actors'>>): void {
    this.#lease = { ...this.#lease, ...change };
    if (this.#timer) this.#renew();
  }

  async list(): Promise<Member[]> {
    const members = [...this.#members.values()].map(heard => {
      const { renewal: _, ...lease } = heard.lease;
      return { ...lease, lastSeen: new Date(heard.serverMs).toISOString(), alive: this.#isAlive(heard) };
    });
    return members.sort((one, other) => (one.agent < other.agent ? -1 : 1));
  }

  lastHeardMs(agent: string): number | undefined {
    return this.#lastHeardMs.get(agent);
  }

  offsetMs(): number | undefined {
    return this.#offset.ms();
  }

  onLost(lost: (by: Lease) => void): void {
    this.#lost = lost;
  }

  async leave(signal: AbortSignal): Promise<void> {
    this.#end();
    await Promise.race([this.#renewing, aborted(signal)]);
    const options = { timeoutMs: 1_000, after: this.#revision, extra: { 'KV-Operation': 'DEL' } };
    while (!signal.aborted && this.#revision > 0) {
      try {
        await this.#link.untilUp(signal);
        await publish(this.#link, this.#subject(), '', options);
        return;
      } catch (error) {
        // Taken by another, or given back by a try whose answer was lost: either way it is no longer ours.
        if (!isTransient(error)) return;
        await sleep(100);
      }
    }
  }

  #end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const stop of this.#stops) stop();
  }

  /** The first write of the lease: only where nobody else holds it, or whoever did is proved dead or silent for a lease. */
  async #take(): Promise<void> {
    let silent: { seq: number; sinceMs: number } | undefined;
    for (;;) {
      const kept = await this.#read();
      const other = kept && leaseOf(kept);
      if (other && other.incarnation !== this.#lease.incarnation && !(await this.#isProvedDead(other))) {
        if (silent && silent.seq !== kept.seq) throw taken(other);
        silent ??= { seq: kept.seq, sinceMs: performance.now() };
        if (other.host === this.#lease.host) throw taken(other);
        if (performance.now() - silent.sinceMs <= this.#leaseMs) {
          await sleep(Math.min(renewMs, this.#leaseMs / 4));
          continue;
        }
      }
      this.#revision = kept?.seq ?? 0;
      if (await patiently('the leases of agents', () => this.#write())) return;
    }
  }

  async #isProvedDead(other: Lease): Promise<boolean> {
    if (other.host !== this.#lease.host) return false;
    if (other.process.bootId !== this.#lease.process.bootId) return true;
    return !(await this.#isProcessAlive(other.process));
  }

  #read(): Promise<Kept | undefined> {
    const query = { last_by_subj: this.#subject() };
    return patiently('the leases of agents', () => readMessage(this.#link, streamOf(this.#bucket), query));
  }

  /** Renews now; one at a time, and once more at the end if it was asked meanwhile. */
  #renew(): void {
    if (this.#ended || !this.#link.isUp) return;
    if (this.#renewing) {
      this.#again = true;
      return;
    }
    this.#renewing = this.#renewOnce().finally(() => {
      this.#renewing = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#renew();
    });
  }

  async #renewOnce(): Promise<void> {
    try {
      if (await this.#write()) return;
      const kept = await this.#read();
      const holder = kept && leaseOf(kept);
      // A renewal whose acknowledgement was lost, or a lease that somebody removed: go on behind it.
      this.#revision = kept?.seq ?? 0;
      if (!holder || holder.incarnation === this.#lease.incarnation || this.#ended) return;
      this.#revision = 0;
      this.#end();
      this.#lost(holder);
    } catch (error) {
      // The next second tries again, also where JetStream is full; what comes of silence is for the others to judge.
      const isExpected = isTransient(error) || error instanceof JetStreamRefusal || error instanceof AnswerError;
      if (!isExpected) throw error;
    }
  }

  /** False when the key is no longer at the revision that we know. */
  async #write(): Promise<boolean> {
    this.#renewal += 1;
    const stored: StoredLease = { ...this.#lease, renewal: this.#renewal };
    this.#sentMs.set(this.#renewal, this.#now());
    try {
      const options = { timeoutMs: 1_000, after: this.#revision };
      this.#revision = (await publish(this.#link, this.#subject(), JSON.stringify(stored), options)).seq;
      return true;
    } catch (error) {
      if (isOvertaken(error)) return false;
      throw error;
    }
  }

  #subject(): string {
    return subjectOf(this.#bucket, this.#lease.agent);
  }

  #hear(message: Kept): void {
    const agent = message.subject.slice(subjectOf(this.#bucket, '').length);
    const lease = leaseOf(message);
    this.#lastHeardMs.set(agent, message.atMs);
    if (!lease) {
      this.#members.delete(agent);
      return;
    }
    const heardMs = this.#now();
    this.#members.set(agent, { lease, serverMs: message.atMs, heardMs });
    if (lease.incarnation === this.#lease.incarnation) this.#hearOwn(lease.renewal, message.atMs, heardMs);
  }

  #hearOwn(renewal: number, serverMs: number, heardMs: number): void {
    const gapMs = heardMs - (this.#hearing?.lastMs ?? Number.NEGATIVE_INFINITY);
    const isUnbroken = this.#hearing && gapMs >= 0 && gapMs <= hearingGapMs;
    this.#hearing = { sinceMs: isUnbroken && this.#hearing ? this.#hearing.sinceMs : heardMs, lastMs: heardMs };
    const sentMs = this.#sentMs.get(renewal);
    if (sentMs !== undefined) this.#offset.measure({ sentMs, serverMs, heardMs });
    for (const old of this.#sentMs.keys()) if (old <= renewal) this.#sentMs.delete(old);
  }

  /** Invariant 2: silence counts only while this agent hears itself. */
  #isAlive(heard: Heard): boolean {
    const now = this.#now();
    if (!this.#hearing || now - this.#hearing.lastMs > hearingGapMs) return true;
    return now - Math.max(heard.heardMs, this.#hearing.sinceMs) <= this.#leaseMs;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** The lease in a message; undefined for one that was given back, and for what is no lease. */
function leaseOf(message: Kept): StoredLease | undefined {
  if (message.data.length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(message.data).toString());
    return typeof value === 'object' && value !== null && 'incarnation' in value ? (value as StoredLease) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function taken(by: Lease): AnswerError {
  return new AnswerError(
    'conflict',
    `an agent named ${by.agent} is there already: process ${by.process.pid} on host ${by.host}, since ${by.since}`,
    'stop that one, or give this one another name',
  );
}
