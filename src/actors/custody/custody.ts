/**
 * Which records of runs are this agent's, and that it runs them: all when it begins to work, one when it is told of it,
 * and every 30 s whatever came since.
 *
 * 1. A run is bound to its agent: nobody else starts an effect of it.
 * 2. What agents that are away have left is ended in time, by one of the others (orphans.ts).
 * 3. A run of this agent that another has ended meanwhile, or is ending, stops here at once, with all its processes.
 */
import type { Clock } from '../../core/clock.ts';
import { timeText } from '../../core/time-text.ts';
import type { Observer } from '../../domain/facts.ts';
import { type RunContext, runOf } from '../../domain/run.ts';
import type { Membership } from '../../runtime/membership.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { inBackground } from '../in-background.ts';
import { agentOf, hostAwayOf } from './host-away.ts';
import { Orphans } from './orphans.ts';

export interface CustodyOptions {
  runtime: Runtime;
  agent: string;
  kinds: readonly string[];
  clock: Clock;
  observe: Observer;
  membership: Pick<Membership, 'list' | 'lastHeardMs'>;
  /** Told of each run of this agent before it is taken over: what held a place goes on holding it. */
  beforeAdoption: (run: RunContext) => void;
  /** The processes that a run has here; undefined where it has left nothing. */
  leftOf: (id: string) => number[] | undefined;
  /** Ends the processes of a run that is another agent's now. */
  stopLeft: (id: string) => Promise<unknown>;
  /** How often it compares; 30 s by default. */
  everyMs?: number;
}

/** Each so many comparisons all records are read, not only those that were written since. */
const wholeEach = 20;
/** How often it looks for runs of agents that are away. */
const lookMs = 1_000;
/** Who has not looked for so long was stopped, and compares at once: others may have taken it for gone. */
const stoppedMs = 10_000;

export class Custody {
  readonly #options: CustodyOptions;
  readonly #kinds: ReadonlySet<string>;
  readonly #orphans: Orphans;
  /** The newest revision that was read of each kind. */
  readonly #readTo = new Map<string, number>();
  #compared = 0;
  #living: ReadonlySet<string> = new Set();
  #lookedAt = performance.now();
  #isLooking = false;
  #work: Promise<unknown> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];

  constructor(options: CustodyOptions) {
    this.#options = options;
    this.#kinds = new Set(options.kinds);
    this.#orphans = new Orphans(options);
  }

  /** Takes over what is this agent's; resolves when all of it runs. Compares from then on. */
  async open(): Promise<void> {
    const { everyMs = 30_000 } = this.#options;
    await this.#takeOwn('all');
    this.#lookedAt = performance.now();
    this.#timers = [
      setInterval(() => void this.compare(), everyMs).unref(),
      setInterval(() => this.#look(), Math.min(lookMs, everyMs)).unref(),
    ];
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  /**
   * Takes one run over, where it is this agent's; false where it is not, or others were quicker. Whoever has just created it
   * has its record at hand: `known`.
   */
  async take(kind: string, id: string, known?: StoredRecord): Promise<boolean> {
    const { runtime } = this.#options;
    if (runtime.find(kind, id)) return true;
    if (!this.#isOpen || !this.#kinds.has(kind)) return false;
    const stored = known ?? (await runtime.host.store.read(kind, id));
    if (!stored || stored.record.final || !this.#isOwn(stored.record)) return false;
    this.#hold(stored.record);
    return (await runtime.adopt(stored)) !== undefined;
  }

  /** Takes over, for a cancel, a run that its agent never took and is away; false for any other, or where others were quicker. */
  async takeUntaken(kind: string, id: string): Promise<boolean> {
    const { runtime, membership, agent } = this.#options;
    const stored = await runtime.host.store.read(kind, id);
    const away = stored && hostAwayOf(stored.record, await membership.list(), membership, agent);
    if (!this.#isOpen || !away || away.isTaken) return false;
    return (await runtime.adopt(stored)) !== undefined;
  }

  /** A run was created here for another agent: the end of its wait is seen to, should that agent stay away. */
  created(stored: StoredRecord): void {
    this.#orphans.created(stored);
  }

  /** Compares now, after whatever is under way, with all records or, but now and then, the newer ones; never rejects. */
  compare(which: 'all' | 'since' = 'since'): Promise<unknown> {
    return this.#next(async () => {
      this.#compared += 1;
      await this.#takeOwn(this.#compared % wholeEach === 0 ? 'all' : which);
    });
  }

  #look(): void {
    const silentMs = performance.now() - this.#lookedAt;
    this.#lookedAt = performance.now();
    if (silentMs > stoppedMs) void this.compare();
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#next(() => this.#lookAfterOthers()).finally(() => {
      this.#isLooking = false;
    });
  }

  /** What an agent that went has begun is read when it is found to be gone. */
  async #lookAfterOthers(): Promise<void> {
    const members = await this.#options.membership.list();
    const living = new Set(members.filter(({ alive }) => alive).map(({ agent }) => agent));
    const isLess = [...this.#living].some(agent => !living.has(agent));
    if (isLess) await this.#takeOwn('since');
    this.#living = living;
    await this.#orphans.look();
  }

  #next(work: () => Promise<void>): Promise<unknown> {
    this.#work = this.#work.then(async () => {
      if (this.#isOpen) await inBackground(work(), 'the custody of runs', this.#options);
    });
    return this.#work;
  }

  /** Takes over those of this agent that it does not run. */
  async #takeOwn(which: 'all' | 'since'): Promise<void> {
    const { runtime } = this.#options;
    const own: StoredRecord[] = [];
    for await (const stored of this.#records(which)) {
      const { kind, id, final } = stored.record;
      if (!final && this.#isOwn(stored.record) && !runtime.find(kind, id)) own.push(stored);
    }
    // All of them before any begins: whoever comes first must not take the place of one that has it.
    for (const { record } of own) this.#hold(record);
    await runtime.adoptAll(() => true, own);
  }

  /** The newest records of runs: all, or those written since the last reading. What others have of them is noted. */
  async *#records(which: 'all' | 'since'): AsyncIterable<StoredRecord> {
    for (const kind of this.#kinds) {
      const known = this.#readTo.get(kind) ?? 0;
      let readTo = known;
      for await (const stored of this.#options.runtime.host.store.list(kind, which === 'since' ? known : 0)) {
        readTo = Math.max(readTo, stored.revision);
        this.#orphans.note(stored);
        if (stored.revision > known) this.#giveWay(stored);
        yield stored;
      }
      this.#readTo.set(kind, readTo);
    }
  }

  /** Stops what another agent has taken over. */
  #giveWay(stored: StoredRecord): void {
    const { runtime, agent, clock, observe, leftOf, stopLeft } = this.#options;
    const { kind, id, state, final, owner, write, context } = stored.record;
    const running = runtime.find(kind, id);
    const isOthers = write.incarnation !== runtime.host.owner.incarnation;
    if (running && isOthers && stored.revision > running.revision) running.fence(stored);
    if (context.agent !== agent || !owner || owner.agent === agent) return;
    const pids = leftOf(id);
    if (pids === undefined) return;
    void inBackground(stopLeft(id), `the end of ${kind} ${id}`, this.#options);
    if (!final) return;
    const at = timeText(clock.now());
    observe({ fact: 'run.given-up', kind, id, by: owner.agent, state, pids, at });
  }

  #hold(record: ActorRecord): void {
    const run = runOf(record);
    if (run.agent === this.#options.agent) this.#options.beforeAdoption(run);
  }

  #isOwn(record: ActorRecord): boolean {
    return agentOf(record) === this.#options.agent;
  }

  get #isOpen(): boolean {
    return this.#timers.length > 0;
  }
}
