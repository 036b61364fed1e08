/**
 * A record store for actors that are bound to their host: while NATS is away their steps go to a synced journal in the
 * data directory, so that a drain, a cancel or a deadline never waits for a server.
 *
 * 1. A write that is not decided within `patienceMs` (at once while the link is known to be down) goes to the journal,
 *    unchanged: its `write` tells later whether the store had it after all.
 * 2. Once an actor has a step in the journal, its later steps queue behind it, until all are replayed; whoever reads it or
 *    its history here reads them too.
 * 3. A journalled step has a provisional revision (negative); the record that is replayed names the real one.
 * 4. While neither the store nor the journal takes a step, it waits: it is not felt, and its signal ends the wait.
 * 5. A record without an owner is of an actor that another agent is to run: it goes to the store or nowhere.
 */
import { type ActorRecord, isSameWrite, keyOf, tooLongOf } from './record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from './record-store.ts';
import { StepJournal, type StepJournalOptions } from './step-journal.ts';
import type { StepQueues } from './step-queues.ts';

export interface JournalledStoreOptions extends StepJournalOptions {
  /** How long a write may be undecided while the link seems up. Default 2000. */
  patienceMs?: number;
}

export class JournalledStore implements RecordStore {
  readonly #options: JournalledStoreOptions;
  readonly #store: RecordStore;
  readonly #patienceMs: number;
  readonly #journal: StepJournal;
  readonly #steps: StepQueues;

  constructor(options: JournalledStoreOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#patienceMs = options.patienceMs ?? 2_000;
    this.#journal = new StepJournal(options);
    this.#steps = this.#journal.steps;
  }

  /** How many steps wait to be replayed. */
  get waiting(): number {
    return this.#steps.count;
  }

  /** Reads what an earlier incarnation left, and replays it. Resolves when nothing is left; `signal` ends the wait. */
  async recover(signal: AbortSignal): Promise<void> {
    await this.#journal.recover(signal);
  }

  async append(record: ActorRecord, { signal }: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    if (record.owner === null) return await this.#store.append(record, signal ? { signal } : {}); // (5)
    const key = keyOf(record);
    for (;;) {
      signal?.throwIfAborted();
      const outcome =
        !this.#steps.has(key) && this.#options.link.isUp ? await this.#tryStore(record, signal) : undefined;
      const decided = outcome ?? (await this.#tryJournal(record));
      if (decided) return decided;
      await this.#journal.pause(signal);
    }
  }

  async forget(stored: StoredRecord): Promise<boolean> {
    return this.#steps.newest(keyOf(stored.record)) === undefined && (await this.#store.forget(stored));
  }

  async isForgotten(kind: string, id: string): Promise<boolean> {
    return this.#steps.newest(keyOf({ kind, id })) === undefined && (await this.#store.isForgotten(kind, id));
  }

  /** Resolves when no step of an actor waits in the journal: its newest one is effective. Rejects with the signal's reason. */
  async untilReplayed(kind: string, id: string, signal: AbortSignal): Promise<void> {
    while (this.#steps.has(keyOf({ kind, id }))) {
      signal.throwIfAborted();
      await this.#journal.pause(signal);
    }
  }

  async read(kind: string, id: string): Promise<StoredRecord | undefined> {
    return this.#steps.newest(keyOf({ kind, id })) ?? (await this.#store.read(kind, id));
  }

  async *list(kind?: string, after?: number): AsyncIterable<StoredRecord> {
    const journalled = this.#steps.newestOfAll();
    for await (const stored of this.#store.list(kind, after)) {
      const key = keyOf(stored.record);
      yield journalled.get(key) ?? stored;
      journalled.delete(key);
    }
    for (const stored of journalled.values()) if (kind === undefined || stored.record.kind === kind) yield stored;
  }

  async history(
    kind: string,
    id: string,
    { limit = 50, before }: { limit?: number; before?: number } = {},
  ): Promise<StoredRecord[]> {
    // Read before the store is: what is replayed meanwhile is then in both, and told once.
    const waiting = this.#steps.waiting(keyOf({ kind, id })).filter(step => isBefore(step, before));
    const page = { limit, ...(before !== undefined && before > 0 && { before }) };
    const stored = await this.#store.history(kind, id, page);
    const unwritten = waiting.filter(step => !stored.some(each => isSameWrite(each.record, step.record)));
    return [...unwritten.map((step, place) => following(step, stored[0], place)).reverse(), ...stored].slice(0, limit);
  }

  watch(see: (stored: StoredRecord) => void): Promise<() => void> {
    return this.#store.watch(see);
  }

  /** Ends replaying; what waits stays in the journal for the next incarnation. */
  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** Undefined where the patience ran out: it is not known whether the store has it. */
  async #tryStore(record: ActorRecord, signal: AbortSignal | undefined): Promise<AppendOutcome | undefined> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#patienceMs);
    const unwatch = this.#options.link.watch(isUp => !isUp && patience.abort());
    // By hand: AbortSignal.any costs three times as much, and every step of every actor comes by here.
    const stop = () => patience.abort(signal?.reason);
    signal?.addEventListener('abort', stop);
    try {
      const outcome = await this.#store.append(this.#steps.withReal(record), { signal: patience.signal });
      this.#steps.forgetReal(keyOf(record));
      return outcome;
    } catch (error) {
      if (!patience.signal.aborted || signal?.aborted) throw error;
      return undefined;
    } finally {
      clearTimeout(timer);
      unwatch();
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Undefined where the journal cannot be written. */
  async #tryJournal(record: ActorRecord): Promise<AppendOutcome | undefined> {
    const tooLong = tooLongOf(record);
    if (tooLong) throw tooLong; // no store would ever take it from the journal
    const revision = await this.#journal.write(record);
    return revision === undefined ? undefined : { outcome: 'effective', revision };
  }
}

/** Provisional revisions count down, and each of them comes after every real one. */
function isBefore({ revision }: StoredRecord, before: number | undefined): boolean {
  return before === undefined || (before < 0 && revision > before);
}

/** A waiting step whose predecessor was replayed since it was read follows the real revision of that one. */
function following(step: StoredRecord, newest: StoredRecord | undefined, place: number): StoredRecord {
  if (place > 0 || step.record.after >= 0 || !newest) return step;
  return { ...step, record: { ...step.record, after: newest.revision } };
}
