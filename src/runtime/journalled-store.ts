/**
 * A record store for actors that are bound to their host: while NATS is away their steps go to a synced journal in the
 * data directory, so that a drain, a cancel or a deadline never waits for a server.
 *
 * 1. A write that is not decided within `patienceMs` (at once while the link is known to be down) goes to the journal,
 *    unchanged: its `write` tells later whether the store had it after all.
 * 2. Once an actor has a step in the journal, its later steps queue behind it, until all are replayed.
 * 3. A journalled step has a provisional revision (negative); the record that is replayed names the real one.
 * 4. A replay that finds another owner drops the actor's steps and tells `onOvertaken`.
 */
import type { JournalFile } from './journal-file.ts';
import { type ActorRecord, keyOf } from './record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from './record-store.ts';

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
  /** How often an unfinished replay is tried again. Default 1000. */
  replayEveryMs?: number;
  onOvertaken?: (by: StoredRecord) => void;
  onReplayed?: (counts: { records: number; superseded: number }) => void;
  /** Told of an error that is not NATS being away; the replay is tried again. */
  onTrouble?: (error: Error) => void;
}

export class JournalledStore implements RecordStore {
  readonly #options: JournalledStoreOptions;
  readonly #store: RecordStore;
  /** Steps that wait to be replayed, by key, oldest first. */
  readonly #waiting = new Map<string, ActorRecord[]>();
  /** The real revision that an actor's newest provisional one became. */
  readonly #real = new Map<string, number>();
  #provisional = 0;
  #replaying: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = new AbortController();
  readonly #unwatch: () => void;

  constructor(options: JournalledStoreOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#unwatch = options.link.watch(isUp => isUp && this.#soon(0));
  }

  /** How many steps wait to be replayed. */
  get waiting(): number {
    let count = 0;
    for (const records of this.#waiting.values()) count += records.length;
    return count;
  }

  /** Reads what an earlier incarnation left, and replays it. Resolves when nothing is left; `signal` ends the wait. */
  async recover(signal: AbortSignal): Promise<void> {
    for (const record of (await this.#options.journal.read()) as ActorRecord[]) this.#queue(record);
    while (this.#waiting.size > 0 && !signal.aborted) await this.#replay(signal);
  }

  async append(record: ActorRecord, options: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    const key = keyOf(record);
    if (this.#waiting.has(key) || !this.#options.link.isUp) return await this.#journal(record);
    const real = record.after < 0 ? { ...record, after: this.#real.get(key) ?? 0 } : record;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), this.#options.patienceMs ?? 2_000);
    const unwatch = this.#options.link.watch(isUp => !isUp && patience.abort());
    try {
      const signals = [patience.signal, ...(options.signal ? [options.signal] : [])];
      return await this.#store.append(real, { signal: AbortSignal.any(signals) });
    } catch (error) {
      if (!patience.signal.aborted) throw error;
      return await this.#journal(real);
    } finally {
      clearTimeout(timer);
      unwatch();
    }
  }

  read(kind: string, id: string): Promise<StoredRecord | undefined> {
    return this.#store.read(kind, id);
  }

  list(kind?: string): AsyncIterable<StoredRecord> {
    return this.#store.list(kind);
  }

  history(kind: string, id: string, options?: { limit?: number; before?: number }): Promise<StoredRecord[]> {
    return this.#store.history(kind, id, options);
  }

  watch(see: (stored: StoredRecord) => void): Promise<() => void> {
    return this.#store.watch(see);
  }

  /** Ends replaying; what waits stays in the journal for the next incarnation. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#unwatch();
    clearTimeout(this.#timer);
    await this.#replaying;
    await this.#options.journal.close();
  }

  async #journal(record: ActorRecord): Promise<AppendOutcome> {
    this.#queue(record);
    await this.#options.journal.append(record);
    this.#provisional -= 1;
    if (this.#options.link.isUp) this.#soon(this.#options.replayEveryMs ?? 1_000);
    return { outcome: 'effective', revision: this.#provisional };
  }

  #queue(record: ActorRecord): void {
    const key = keyOf(record);
    const records = this.#waiting.get(key);
    if (records) records.push(record);
    else this.#waiting.set(key, [record]);
  }

  #soon(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#replaying ??= this.#replay(this.#closed.signal).finally(() => {
        this.#replaying = undefined;
        if (this.#waiting.size > 0 && this.#options.link.isUp) this.#soon(this.#options.replayEveryMs ?? 1_000);
      });
    }, inMs);
  }

  async #replay(signal: AbortSignal): Promise<void> {
    const counts = { records: 0, superseded: 0 };
    const bound = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
    for (const [key, records] of this.#waiting) {
      try {
        for (let record = records[0]; record; record = records[0]) {
          const revision = await this.#replayOne(key, record, bound);
          if (revision === undefined) {
            counts.superseded += records.length;
            break;
          }
          this.#real.set(key, revision);
          records.shift();
          counts.records += 1;
        }
        this.#waiting.delete(key);
      } catch (error) {
        // Tried again soon; nothing is lost.
        if (!bound.aborted) this.#options.onTrouble?.(error instanceof Error ? error : new Error(String(error)));
        break;
      }
    }
    await this.#options.journal.replace([...this.#waiting.values()].flat());
    if (counts.records + counts.superseded > 0) this.#options.onReplayed?.(counts);
  }

  /** The revision that the step has in the store; undefined where another owner's record is there. */
  async #replayOne(key: string, record: ActorRecord, signal: AbortSignal): Promise<number | undefined> {
    const after = record.after < 0 ? (this.#real.get(key) ?? 0) : record.after;
    const outcome = await this.#store.append({ ...record, after }, { signal });
    if (outcome.outcome === 'effective') return outcome.revision;
    const { write } = outcome.by.record;
    const ours = write.incarnation === record.write.incarnation && write.n >= record.write.n;
    if (ours) return outcome.by.revision; // an earlier replay got this far before it was cut off
    this.#options.onOvertaken?.(outcome.by);
    return undefined;
  }
}
