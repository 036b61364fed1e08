/** A store over another whose answers a test may hold back, lose or replace by errors; and a link that it turns. */
import type { Link } from '../../src/runtime/link.ts';
import type { ActorRecord } from '../../src/runtime/record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from '../../src/runtime/record-store.ts';

/** What happens to an append: `lose-answer` applies it and never answers; `hang` does neither; an error is thrown. */
export type Fault = 'none' | 'lose-answer' | 'hang' | Error;

export class FaultyStore implements RecordStore {
  readonly inner: RecordStore;
  /** Asked for each append. */
  fault: (record: ActorRecord) => Fault | Promise<Fault> = () => 'none';
  /** Every record that was tried to be written, in order. */
  readonly tried: ActorRecord[] = [];

  constructor(inner: RecordStore) {
    this.inner = inner;
  }

  async append(record: ActorRecord, { signal }: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    signal?.throwIfAborted();
    this.tried.push(record);
    const fault = await this.fault(record);
    if (fault instanceof Error) throw fault;
    if (fault === 'lose-answer') await this.inner.append(record);
    if (fault === 'none') return await this.inner.append(record);
    return await new Promise((_, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  forget(stored: StoredRecord): Promise<boolean> {
    return this.inner.forget(stored);
  }

  isForgotten(kind: string, id: string): Promise<boolean> {
    return this.inner.isForgotten(kind, id);
  }

  read(kind: string, id: string): Promise<StoredRecord | undefined> {
    return this.inner.read(kind, id);
  }

  list(kind?: string, after?: number): AsyncIterable<StoredRecord> {
    return this.inner.list(kind, after);
  }

  history(kind: string, id: string, options?: { limit?: number; before?: number }): Promise<StoredRecord[]> {
    return this.inner.history(kind, id, options);
  }

  watch(see: (stored: StoredRecord) => void): Promise<() => void> {
    return this.inner.watch(see);
  }
}

export class TurnedLink implements Link {
  isUp: boolean;
  readonly #watchers = new Set<(isUp: boolean) => void>();

  constructor(isUp = true) {
    this.isUp = isUp;
  }

  turn(isUp: boolean): void {
    this.isUp = isUp;
    for (const changed of [...this.#watchers]) changed(isUp);
  }

  watch(changed: (isUp: boolean) => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }
}
