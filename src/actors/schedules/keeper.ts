/**
 * Keeps the schedules of the cluster running: one actor for each pair of schedule and plan, each on one agent.
 *
 * 1. A pair that has an actor stays with its agent as long as that lives and works. One that has none, whose agent's lease
 *    is over, or that was released, goes to the agent that rendezvous hashing gives, of those that work. Every agent
 *    computes it alone; where two differ for a moment, the record decides.
 * 2. It looks at most once a second, and then at what changed: the pairs of the documents that were put or deleted, and
 *    all only where an agent went. Each half minute it makes sure that what it runs still runs.
 * 3. Whoever ended an actor whose pair is wanted again starts it again, whatever hashing says: the others still believe
 *    that it runs there.
 */
import { AnswerError } from '../../core/answer-error.ts';
import type { Clock } from '../../core/clock.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Observer } from '../../domain/facts.ts';
import { type Candidate, heirOf } from '../../domain/placement.ts';
import { tellIfTaken } from '../../runtime/actor-drain.ts';
import type { DurableActor } from '../../runtime/durable-actor.ts';
import type { Member } from '../../runtime/membership.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { inBackground } from '../in-background.ts';
import { dueFirst } from './due-first.ts';
import { type Pair, Pairs, pairOf, type Selecting } from './pairs.ts';

/** A document as the keeper is told of it; undefined once it is deleted. */
export interface SelectionHeard<Schedule extends Selecting> {
  plan: (name: string, labels: Readonly<Record<string, string>> | undefined) => void;
  schedule: (name: string, stored: { document: Schedule; revision: number } | undefined) => void;
}

export interface KeeperOptions<Schedule extends Selecting> {
  runtime: Runtime;
  agent: string;
  /** Tells all documents that there are and then each change; resolves once all that were there are told. */
  follow: (heard: SelectionHeard<Schedule>) => Promise<() => void>;
  members: () => Promise<Member[]>;
  /** The input of a pair's new actor. */
  inputOf: (pair: Pair, document: Schedule, revision: number) => object;
  clock: Clock;
  observe: Observer;
  /** How often it looks at most; 1 s by default. */
  everyMs?: number;
}

const kind = 'schedule';
/** How many actors are started at once. */
const startsAtOnce = 256;
/** Each so many looks, what runs here is counted over; each so many, all records are read. */
const [countEach, surveyEach] = [30, 600];

interface Stored<Schedule> extends Selecting {
  document: Schedule;
  revision: number;
}

export class Keeper<Schedule extends Selecting> {
  readonly #options: KeeperOptions<Schedule>;
  readonly #pairs = new Pairs<Stored<Schedule>>();
  /** What has to be looked at. */
  #changed = new Set<string>();
  /** Of what runs on other agents, whose it is. */
  readonly #elsewhere = new Map<string, string>();
  /** What was told to retire here. */
  readonly #retiring = new Set<string>();
  #living = new Map<string, string>();
  #candidates: Candidate[] = [];
  #looks = 0;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #unfollow: () => void = () => undefined;

  constructor(options: KeeperOptions<Schedule>) {
    this.#options = options;
  }

  /** Resolves when all schedules that are this agent's run. May be called again after `close`. */
  async open(): Promise<void> {
    const { follow, everyMs = 1_000 } = this.#options;
    this.#looks = 0;
    this.#retiring.clear();
    this.#unfollow = await follow({
      plan: (name, labels) => this.#note(this.#pairs.planChanged(name, labels)),
      schedule: (name, stored) => this.#note(this.#pairs.scheduleChanged(name, stored && selectingOf(stored))),
    });
    this.#timer = setInterval(() => void this.#lookNext(), everyMs).unref();
    await this.#lookNext();
  }

  /**
   * The clock went back: a schedule that had come beyond the present waits for a moment of another day. Each looks for
   * itself whether that is so.
   */
  clockWentBack(): void {
    for (const actor of this.#options.runtime.actors)
      if (actor.kind === kind) tellIfTaken(actor, { type: 'agent.returned' });
  }

  /** What an earlier supervisor let go since this one opened is taken over at once, or noted as anybody's. */
  async surveyNow(): Promise<void> {
    this.#looks = 0;
    await this.#lookNext();
  }

  /** Starts nothing more; resolves when a look under way is over. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unfollow();
    await this.#looking;
  }

  #note(ids: readonly string[]): void {
    for (const id of ids) {
      this.#changed.add(id);
      // Whoever runs it ends it: should it be wanted again, nobody is known to run it.
      if (!this.#pairs.has(id)) this.#elsewhere.delete(id);
    }
  }

  /** One at a time; never rejects. */
  #lookNext(): Promise<void> {
    this.#looking = this.#looking.then(() => inBackground(this.#look(), 'the look after schedules', this.#options));
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (!this.#timer) return;
    const isFirst = this.#looks === 0;
    const isLess = this.#count(await this.#options.members());
    this.#looks += 1;
    if (isFirst || isLess || this.#looks % surveyEach === 0) await this.#survey();
    else if (this.#looks % countEach === 0)
      for (const id of this.#pairs.ids()) if (!this.#find(id) && !this.#elsewhere.has(id)) this.#changed.add(id);
    const changed = this.#changed;
    this.#changed = new Set();
    await eachOf(changed, async id => {
      try {
        await this.#settle(id);
      } catch (error) {
        this.#changed.add(id);
        if (!(error instanceof AnswerError && error.code === 'refused')) throw error; // it drains
      }
    });
  }

  /** Notes who lives and who works; true where somebody may have left schedules to others. */
  #count(members: readonly Member[]): boolean {
    const { agent: self } = this.#options;
    const others = members.filter(({ agent }) => agent !== self);
    const before = this.#living;
    // One that drains lets go of its schedules one by one.
    this.#living = new Map(
      others
        .filter(isLiving)
        .map(({ agent, mode, actors }) => [agent, mode === 'running' ? mode : `${mode} ${actors}`]),
    );
    this.#candidates = others.map(({ agent, labels, alive, mode }) => ({
      agent,
      labels,
      alive: alive && mode === 'running',
    }));
    this.#candidates.push({ agent: self, labels: {}, alive: true });
    return [...before].some(([agent, mode]) => {
      const now = this.#living.get(agent);
      return now === undefined || (now !== 'running' && now !== mode);
    });
  }

  /** Reads all records, takes over what is this agent's, due ones first, and notes whose the others are. */
  async #survey(): Promise<void> {
    const { runtime } = this.#options;
    this.#elsewhere.clear();
    const found: StoredRecord[] = [];
    for await (const stored of runtime.host.store.list(kind)) {
      const { record } = stored;
      if (record.final || this.#find(record.id)) continue;
      if (this.#isToTake(record)) found.push(stored);
      else this.#elsewhere.set(record.id, record.owner?.agent ?? '');
    }
    await runtime.adoptAll(() => true, dueFirst(found, this.#options.clock.now()));
    for (const { record } of found) this.#changed.add(record.id);
    for (const id of this.#pairs.ids()) if (!this.#find(id) && !this.#elsewhere.has(id)) this.#changed.add(id);
  }

  /** Brings one actor to what the documents say of its pair. */
  async #settle(id: string): Promise<void> {
    const { runtime } = this.#options;
    const stored = this.#pairs.has(id) ? this.#pairs.schedule(pairOf(id).schedule) : undefined;
    const actor = this.#find(id);
    if (actor && (!stored || this.#retiring.has(id))) {
      if (!this.#retiring.has(id)) runtime.tell(kind, id, { type: 'schedule.retire' });
      this.#retiring.add(id);
      this.#changed.add(id); // until it has ended, and is perhaps wanted again
      return;
    }
    const wasHere = this.#retiring.delete(id);
    if (!stored) return;
    const { document, revision } = stored;
    if (actor) {
      if (actor.record.context.revision !== revision)
        runtime.tell(kind, id, { type: 'schedule.changed', document, revision });
      return;
    }
    const isOurs = wasHere || (!this.#elsewhere.has(id) && this.#isHeir(id));
    if (isOurs) await this.#start(id, document, revision);
  }

  async #start(id: string, document: Schedule, revision: number): Promise<void> {
    const { runtime, inputOf } = this.#options;
    const { created, record } = await runtime.start(kind, id, { input: inputOf(pairOf(id), document, revision) });
    if (created || this.#find(id)) return;
    if (this.#isToTake(record)) {
      const stored = await runtime.host.store.read(kind, id);
      if (stored && !stored.record.final) await runtime.adopt(stored);
      this.#changed.add(id);
    } else if (!record.final) this.#elsewhere.set(id, record.owner?.agent ?? '');
  }

  /** True for what was this agent's, and for what nobody has any more and hashing gives to this one. */
  #isToTake({ id, owner, state }: ActorRecord): boolean {
    if (owner?.agent === this.#options.agent) return true;
    const isKept = owner !== null && this.#living.has(owner.agent) && state !== 'released';
    return !isKept && this.#isHeir(id);
  }

  #isHeir(id: string): boolean {
    return heirOf(id, this.#candidates) === this.#options.agent;
  }

  #find(id: string): DurableActor | undefined {
    return this.#options.runtime.find(kind, id);
  }
}

/** What the record of a schedule's actor says of its past, for one that comes back. */
export function returning({ context }: ActorRecord): JsonObject {
  return { tickedThrough: context.tickedThrough ?? 0 };
}

function isLiving({ alive, mode }: Member): boolean {
  return alive && mode !== 'stopped' && mode !== 'fenced';
}

function selectingOf<Schedule extends Selecting>(stored: { document: Schedule; revision: number }): Stored<Schedule> {
  const { plan, plans } = stored.document;
  return { ...stored, plan, plans };
}

/** Does `work` for each, some at a time; rejects with the first error once all are done. */
async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async () => {
    for (let next = left.next(); !next.done; next = left.next())
      await work(next.value).catch(error => errors.push(error));
  };
  await Promise.all(Array.from({ length: startsAtOnce }, worker));
  if (errors.length > 0) throw errors[0];
}
