/**
 * Records in memory, with the promises of the durable store: for a program that supervises its own machines without a
 * cluster, and for tests. Nothing outlives the process.
 */
import { type ActorRecord, goneBefore, isSameWrite, keyOf, tooLongOf } from '../record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from '../record-store.ts';

export interface MemoryRecordStoreOptions {
  /** Most records kept of one actor; 1,000 unless given. The newest always stays. */
  historyMax?: number;
}

export class MemoryRecordStore implements RecordStore {
  readonly #logs = new Map<string, StoredRecord[]>();
  /** The history of what was forgotten. */
  readonly #pasts = new Map<string, StoredRecord[]>();
  readonly #watchers = new Set<(stored: StoredRecord) => void>();
  readonly #historyMax: number;
  #revision = 0;

  constructor(options: MemoryRecordStoreOptions = {}) {
    this.#historyMax = options.historyMax ?? 1_000;
  }

  async append(record: ActorRecord, options: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    options.signal?.throwIfAborted();
    // A copy through JSON, so that this store keeps what a durable one would.
    const text = JSON.stringify(record);
    const tooLong = tooLongOf(record, Buffer.byteLength(text));
    if (tooLong) throw tooLong;
    const log = this.#logs.get(keyOf(record)) ?? [];
    const own = log.findLast(each => isSameWrite(each.record, record));
    if (own) return { outcome: 'effective', revision: own.revision };
    const newest = log.at(-1);
    if ((newest?.revision ?? 0) !== record.after) {
      if (newest) return { outcome: 'superseded', by: newest };
      throw goneBefore(record, 'a store in memory starts empty with its process');
    }
    this.#revision += 1;
    const stored: StoredRecord = { record: JSON.parse(text) as ActorRecord, revision: this.#revision };
    log.push(stored);
    if (log.length > this.#historyMax) log.shift();
    this.#logs.set(keyOf(record), log);
    for (const see of [...this.#watchers]) queueMicrotask(() => this.#watchers.has(see) && see(stored));
    return { outcome: 'effective', revision: stored.revision };
  }

  async forget({ record, revision }: StoredRecord): Promise<boolean> {
    const key = keyOf(record);
    if (this.#logs.get(key)?.at(-1)?.revision !== revision) return false;
    this.#pasts.set(key, [...(this.#pasts.get(key) ?? []), ...(this.#logs.get(key) ?? [])].slice(-this.#historyMax));
    return this.#logs.delete(key);
  }

  async isForgotten(kind: string, id: string): Promise<boolean> {
    const key = keyOf({ kind, id });
    return this.#pasts.has(key) && !this.#logs.has(key);
  }

  async read(kind: string, id: string): Promise<StoredRecord | undefined> {
    return this.#logs.get(keyOf({ kind, id }))?.at(-1);
  }

  async *list(kind?: string, after = 0): AsyncIterable<StoredRecord> {
    for (const stored of this.#newest())
      if (stored.revision > after && (kind === undefined || stored.record.kind === kind)) yield stored;
  }

  async history(kind: string, id: string, options: { limit?: number; before?: number } = {}): Promise<StoredRecord[]> {
    const { limit = 50, before = Number.MAX_SAFE_INTEGER } = options;
    const key = keyOf({ kind, id });
    return [...(this.#pasts.get(key) ?? []), ...(this.#logs.get(key) ?? [])]
      .filter(each => each.revision < before)
      .slice(-limit)
      .reverse();
  }

  async watch(see: (stored: StoredRecord) => void): Promise<() => void> {
    for (const stored of this.#newest()) see(stored);
    const watcher = (stored: StoredRecord) => see(stored);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** In the store's order. */
  #newest(): StoredRecord[] {
    const newest = [...this.#logs.values()].flatMap(log => log.slice(-1));
    return newest.sort((one, other) => one.revision - other.revision);
  }
}
