/**
 * A record store for actors that are bound to their host: while NATS is away their steps go to a synced journal in the
 * data directory, so that a drain, a cancel or a deadline never waits for a server.
 *
 * 1. A write that is not decided within `patienceMs` (at once while the link is known to be down) goes to the journal,
 *    unchanged: its `write` tells later whether the store had it after all.
 * 2. Once an actor has a step in the journal, its later steps queue behind it, until all are replayed; whoever reads it or
 *    its history here reads them too.
 * 3. A journalled step has a provisional revision (negative); the record that is replayed names the real one.
 * 4. A replay that finds another owner drops the actor's steps and tells `onOvertaken`. A step that the store can never
 *    take drops them too and is told as trouble; it holds up nobody else's.
 * 5. While neither the store nor the journal takes a step, it waits: it is not felt, and its signal ends the wait.
 * 6. A record without an owner is of an actor that another agent is to run: it goes to the store or nowhere.
 */
import { errorOf } from '../core/defect.ts';
import { FailureError } from '../core/failure.ts';
import type { JournalFile } from './journal-file.ts';
import { type ActorRecord, isSameWrite, keyOf, tooLongOf } from './record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from './record-store.ts';
import { StepQueues } from './step-queues.ts';

/** Whether the other side can be reached, as far as is known. */
export interface Link {
  readonly isUp: boolean;
  /** Calls `changed` at each change, until the returned function is called. */
  watch(changed: (isUp: boolean) => void): () => void;
}

export interface JournalledStoreOptions {
  store: RecordStore;
  journal: JournalFile;
  link: Link;
  /** How long a write may be undecided while the link seems up. Default 2000. */
  patienceMs?: number;
  /** How often an unfinished replay, and a journal that cannot be written, is tried again. Default 1000. */
  retryEveryMs?: number;
  onOvertaken?: (by: StoredRecord) => void;
  onReplayed?: (counts: { records: number; superseded: number }) => void;
  /** Told of an error that is not NATS being away, once until it changes or is over; what failed is tried again. */
  onTrouble?: (error: Error) => void;
}

/** Longest time of one replay, before it is begun again. */
const replayMs = 10_000;

export class JournalledStore implements RecordStore {
  readonly #options: JournalledStoreOptions;
  readonly #store: RecordStore;
  readonly #patienceMs: number;
  readonly #retryEveryMs: number;
  readonly #steps = new StepQueues();
  #replaying: Promise<void> | undefined;
  #timer: { handle: NodeJS.Timeout; dueMs: number } | undefined;
  #trouble: string | undefined;
  readonly #closed = new AbortController();
  readonly #unwatch: () => void;

  constructor(options: JournalledStoreOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#patienceMs = options.patienceMs ?? 2_000;
    this.#retryEveryMs = options.retryEveryMs ?? 1_000;
    this.#unwatch = options.link.watch(isUp => isUp && this.#soon(0));
  }

  /** How many steps wait to be replayed. */
  get waiting(): number {
    return this.#steps.count;
  }

  /** Reads what an earlier incarnation left, and replays it. Resolves when nothing is left; `signal` ends the wait. */
  async recover(signal: AbortSignal): Promise<void> {
    for (const record of (await this.#options.journal.read()) as ActorRecord[]) this.#steps.restore(record);
    while (this.waiting > 0 && !signal.aborted) {
      await this.#replay(signal);
      if (this.waiting > 0) await this.#pause(signal);
    }
  }

  async append(record: ActorRecord, { signal }: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    if (record.owner === null) return await this.#store.append(record, signal ? { signal } : {}); // (6)
    const key = keyOf(record);
    for (;;) {
      signal?.throwIfAborted();
      const outcome =
        !this.#steps.has(key) && this.#options.link.isUp ? await this.#tryStore(record, signal) : undefined;
      const decided = outcome ?? (await this.#tryJournal(record));
      if (decided) return decided;
      await this.#pause(signal);
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
      await this.#pause(signal);
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
    this.#closed.abort();
    this.#unwatch();
    clearTimeout(this.#timer?.handle);
    await this.#replaying;
    await this.#options.journal.close();
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
    const step = this.#steps.push(record);
    try {
      await this.#options.journal.append(step.record);
      step.isSynced = true;
    } catch (error) {
      this.#tellTrouble(error);
      // Where it is not there any more, a replay under way was quicker than the disk, and it is decided.
      if (this.#steps.withdraw(step)) return undefined;
    }
    if (this.#options.link.isUp) this.#soon(this.#retryEveryMs);
    return { outcome: 'effective', revision: step.revision };
  }

  /** Replays in `inMs`, or sooner where that was said before. */
  #soon(inMs: number): void {
    if (this.#closed.signal.aborted) return;
    const dueMs = performance.now() + inMs;
    if (this.#timer && this.#timer.dueMs <= dueMs) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#options.link.isUp) return; // its return replays
      void this.#replay(this.#closed.signal).then(() => {
        if (this.waiting > 0 && this.#options.link.isUp) this.#soon(this.#retryEveryMs);
      });
    }, inMs);
    this.#timer = { handle, dueMs };
  }

  /** One at a time, and never rejects: whoever asks meanwhile waits for the one under way. */
  #replay(signal: AbortSignal): Promise<void> {
    this.#replaying ??= this.#replayAll(signal)
      .catch(error => this.#tellTrouble(error))
      .finally(() => {
        this.#replaying = undefined;
      });
    return this.#replaying;
  }

  async #replayAll(signal: AbortSignal): Promise<void> {
    const counts = { records: 0, superseded: 0 };
    const bound = AbortSignal.any([signal, this.#closed.signal, AbortSignal.timeout(replayMs)]);
    let isWhole = true;
    for (const key of this.#steps.keys()) {
      try {
        await this.#replayActor(key, counts, bound);
      } catch (error) {
        if (bound.aborted) break;
        isWhole = false;
        if (error instanceof FailureError && error.failure.kind === 'permanent') this.#steps.drop(key);
        this.#tellTrouble(error);
      }
    }
    if (counts.records + counts.superseded > 0) this.#options.onReplayed?.(counts);
    await this.#options.journal.replace(() => this.#steps.records());
    if (isWhole) this.#trouble = undefined;
  }

  async #replayActor(key: string, counts: { records: number; superseded: number }, bound: AbortSignal): Promise<void> {
    for (let step = this.#steps.oldest(key); step; step = this.#steps.oldest(key)) {
      const outcome = await this.#store.append(step.record, { signal: bound });
      if (outcome.outcome === 'effective' || isOurs(step.record, outcome.by.record)) {
        this.#steps.done(step, outcome.outcome === 'effective' ? outcome.revision : outcome.by.revision);
        counts.records += 1;
      } else {
        counts.superseded += this.#steps.drop(key);
        this.#options.onOvertaken?.(outcome.by);
      }
    }
  }

  #tellTrouble(error: unknown): void {
    const trouble = errorOf(error);
    if (trouble.message === this.#trouble) return;
    this.#trouble = trouble.message;
    this.#options.onTrouble?.(trouble);
  }

  /** Until it is worth trying again: a while, or the link's next change, or the signal. */
  async #pause(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#retryEveryMs);
    const unwatch = this.#options.link.watch(() => resolve());
    const over = () => resolve();
    signal?.addEventListener('abort', over);
    await promise;
    clearTimeout(timer);
    unwatch();
    signal?.removeEventListener('abort', over);
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

/** An earlier replay got at least this far before it was cut off, and the store keeps no longer what it wrote then. */
function isOurs(record: ActorRecord, newest: ActorRecord): boolean {
  return newest.write.incarnation === record.write.incarnation && newest.write.n >= record.write.n;
}
