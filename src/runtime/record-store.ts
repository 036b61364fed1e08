/**
 * Where records live. The store keeps the invariants that the runtime builds on:
 *
 * 1. A record is effective when it is the first in the store's order with its `after` for its key. Whoever did not
 *    write the effective one is told `superseded`, with the one that is.
 * 2. `append` ends only with the truth: a write whose acknowledgement was lost is looked up by its `write` and either
 *    found done (`effective`), sent again unchanged, or found overtaken. It is never applied twice.
 * 3. While the truth cannot be had, `append` waits, until `signal` is aborted: then it throws the signal's reason.
 */
import type { ActorRecord } from './record.ts';

export interface StoredRecord {
  record: ActorRecord;
  /** The store's revision of it: what the next record names as `after`. Grows over all keys, from 1. */
  revision: number;
}

export type AppendOutcome = { outcome: 'effective'; revision: number } | { outcome: 'superseded'; by: StoredRecord };

export interface RecordStore {
  /** Writes a record that follows revision `record.after` (0: the key is new, or holds a tombstone only). */
  append(record: ActorRecord, options?: { signal?: AbortSignal }): Promise<AppendOutcome>;

  /**
   * Removes an actor's records and leaves a tombstone, if the newest is still this one; false where it is not. The history
   * stays. What was written before and is not yet in the history is lost, so only for what ended a while ago.
   */
  forget(stored: StoredRecord): Promise<boolean>;

  /** True for an actor that was forgotten, and not created anew since. */
  isForgotten(kind: string, id: string): Promise<boolean>;

  /** The newest effective record, read where writes are decided (never a stale replica); undefined where there is none. */
  read(kind: string, id: string): Promise<StoredRecord | undefined>;

  /** The newest record of each actor, of one kind or of all; where `after` is given, of those written after that revision. */
  list(kind?: string, after?: number): AsyncIterable<StoredRecord>;

  /** An actor's records, newest first, at most `limit` (default 50), before revision `before` where it is given. Goes back past what `list` keeps. */
  history(kind: string, id: string, options?: { limit?: number; before?: number }): Promise<StoredRecord[]>;

  /**
   * Calls `see` for the newest record of each actor and then for each write, in the store's order, missing none (it
   * reads the store, not the live feed), until the returned function is called. Resolves when the newest of each have been seen.
   */
  watch(see: (stored: StoredRecord) => void): Promise<() => void>;
}
