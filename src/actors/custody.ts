/**
 * Which records of runs are this agent's, and that it runs them: all when it begins to work, one when it is told of it,
 * and every 30 s whatever came since.
 *
 * 1. A run is bound to its agent: nobody else starts an effect of it.
 * 2. One that waits for its turn on an agent that is away is adopted once its deadline `pending` is over, so that the
 *    deadline can end it: at once by the agent that created it, else by the one that hashing gives, when it compares.
 *    Everything else of an agent that is away waits for its return.
 */
import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { type Candidate, heirOf } from '../domain/placement.ts';
import type { RunContext } from '../domain/run.ts';
import { type ActorRecord, keyOf } from '../runtime/record.ts';
import type { StoredRecord } from '../runtime/record-store.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { timeText } from '../runtime/step-record.ts';
import { inBackground } from './in-background.ts';

export interface CustodyOptions {
  runtime: Runtime;
  agent: string;
  kinds: readonly string[];
  clock: Clock;
  observe: Observer;
  candidates: () => Promise<Candidate[]>;
  /** Told of each run before it is taken over: what held a place goes on holding it. */
  beforeAdoption: (run: RunContext) => void;
  /** How often it compares; 30 s by default. */
  everyMs?: number;
}

/** Each so many comparisons all records are read, not only those that were written since. */
const wholeEach = 20;

export class Custody {
  readonly #options: CustodyOptions;
  readonly #kinds: ReadonlySet<string>;
  /** Runs that wait for their turn on other agents. */
  readonly #elsewhere = new Map<string, StoredRecord>();
  /** Those of them that this agent created. */
  readonly #created = new Set<string>();
  #isToCompare = false;
  /** The newest revision that was read of each kind. */
  readonly #readTo = new Map<string, number>();
  #compared = 0;
  #comparing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CustodyOptions) {
    this.#options = options;
    this.#kinds = new Set(options.kinds);
  }

  /** Takes over what is this agent's; resolves when all of it runs. Compares from then on. */
  async open(): Promise<void> {
    const { runtime, beforeAdoption, everyMs = 30_000 } = this.#options;
    const own: StoredRecord[] = [];
    for await (const stored of this.#records('all')) {
      if (!stored.record.final && this.#isOwn(stored.record)) own.push(stored);
    }
    // All of them before any begins: whoever comes first must not take the place of one that has it.
    for (const { record } of own) beforeAdoption(record.context as unknown as RunContext);
    await runtime.adoptAll(() => true, own);
    this.#timer = setInterval(() => void this.compare(), everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Takes one run over, where it is this agent's; false where it is not, or others were quicker. Whoever has just created it
   * has its record at hand: `known`.
   */
  async take(kind: string, id: string, known?: StoredRecord): Promise<boolean> {
    const { runtime, beforeAdoption } = this.#options;
    if (runtime.find(kind, id)) return true;
    if (!this.#timer || !this.#kinds.has(kind)) return false;
    const stored = known ?? (await runtime.host.store.read(kind, id));
    if (!stored || stored.record.final || !this.#isOwn(stored.record)) return false;
    beforeAdoption(stored.record.context as unknown as RunContext);
    return (await runtime.adopt(stored)) !== undefined;
  }

  /** A run was created here for another agent: the end of its wait is seen to, should that agent stay away. */
  created(stored: StoredRecord): void {
    const key = keyOf(stored.record);
    const { pending } = stored.record.deadlines;
    if (this.#isOwn(stored.record) || pending === undefined) return;
    this.#elsewhere.set(key, stored);
    this.#created.add(key);
    this.#options.clock.alarm(Date.parse(pending) + 1, () => {
      if (this.#elsewhere.has(key) && this.#timer && !this.#isToCompare) void this.compare();
    });
  }

  /** Compares now, after a comparison that is under way; never rejects. */
  compare(): Promise<void> {
    this.#isToCompare = true;
    this.#comparing = this.#comparing.then(() =>
      inBackground(this.#compare(), 'the comparison of runs', this.#options),
    );
    return this.#comparing;
  }

  async #compare(): Promise<void> {
    const { runtime, beforeAdoption } = this.#options;
    this.#isToCompare = false;
    this.#compared += 1;
    const lost: StoredRecord[] = [];
    for await (const stored of this.#records(this.#compared % wholeEach === 0 ? 'all' : 'since')) {
      const { kind, id, final } = stored.record;
      if (!final && this.#isOwn(stored.record) && !runtime.find(kind, id)) lost.push(stored);
    }
    if (!this.#timer) return;
    for (const { record } of lost) beforeAdoption(record.context as unknown as RunContext);
    await runtime.adoptAll(() => true, lost);
    await runtime.adoptAll(() => true, await this.#orphans());
  }

  /** The runs of agents that are away whose wait is over, and that are this agent's to end. */
  async #orphans(): Promise<StoredRecord[]> {
    const now = timeText(this.#options.clock.now());
    const late = [...this.#elsewhere.values()].filter(({ record: { deadlines } }) => (deadlines.pending ?? '~') < now);
    if (late.length === 0) return [];
    const candidates = await this.#options.candidates();
    const isAlive = (agent: string) => candidates.some(each => each.agent === agent && each.alive);
    const isToEnd = (record: ActorRecord) =>
      this.#created.has(keyOf(record)) || heirOf(record.id, candidates) === this.#options.agent;
    return late.filter(({ record }) => !isAlive(agentOf(record)) && isToEnd(record));
  }

  /** The newest records of runs: all, or those written since the last reading. What waits elsewhere is noted on the way. */
  async *#records(which: 'all' | 'since'): AsyncIterable<StoredRecord> {
    for (const kind of this.#kinds) {
      const after = which === 'since' ? (this.#readTo.get(kind) ?? 0) : 0;
      let readTo = after;
      for await (const stored of this.#options.runtime.host.store.list(kind, after)) {
        const { record, revision } = stored;
        readTo = Math.max(readTo, revision);
        const key = keyOf(record);
        if (!record.final && record.state === 'pending' && !this.#isOwn(record)) this.#elsewhere.set(key, stored);
        else if (this.#elsewhere.delete(key)) this.#created.delete(key);
        yield stored;
      }
      this.#readTo.set(kind, readTo);
    }
  }

  #isOwn(record: ActorRecord): boolean {
    return agentOf(record) === this.#options.agent;
  }
}

/** Whose a run is: its owner's, else the one's to whom it is handed, else that of the agent that it is bound to. */
function agentOf({ owner, handTo, context }: ActorRecord): string {
  return owner?.agent ?? handTo ?? String(context.agent);
}
