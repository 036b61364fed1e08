/**
 * Records in the bucket of actors, by raw publishes (the bucket's own `create` would succeed over a delete marker).
 *
 * 1. Every write carries the revision that it follows and a message id of its own, so a write whose acknowledgement was
 *    lost is sent again unchanged: the stream either takes it, or answers with what it took before.
 * 2. When the stream refuses, or does not answer, the truth is read at the stream's leader (never by a direct get,
 *    which a stale replica may answer): see `#resolve`.
 * 3. With replicas an acknowledged write counts only once its writer has read forward from the revision that it follows
 *    and found its own first. On one server the acknowledgement is the truth, and nothing more is asked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gate } from '../core/gate.ts';
import { isId } from '../core/ids.ts';
import { orAborted } from '../core/or-aborted.ts';
import { type ActorRecord, goneBefore, isSameWrite, keyOf, tooLongOf } from '../runtime/record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from '../runtime/record-store.ts';
import type { Link } from './connection.ts';
import {
  isOvertaken,
  isTransient,
  JetStreamRefusal,
  publish,
  purgeBefore,
  readMessage,
  refusals,
} from './jetstream.ts';
import { type Names, streamOf, subjectOf } from './names.ts';
import { openFeed } from './ordered-feed.ts';
import { patiently } from './patience.ts';
import { readHistory } from './record-history.ts';
import { decodeRecord, EffectiveLog } from './record-log.ts';
import { newestEffective, walkFrom } from './record-walk.ts';
import { type Reading, readStream } from './stream-read.ts';

const putTimeoutMs = 1_000;
const retryMs = 100;
const goneHint = 'the store was emptied, or lost its newest writes in a power failure: see the recovery notes';
/** How many writes are under way at once: the server takes that many well within `putTimeoutMs`. */
const appendsAtOnce = 1_024;

export class NatsRecordStore implements RecordStore {
  readonly #link: Link;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #historyStream: string;
  readonly #replicated: boolean;
  readonly #gate = new Gate(appendsAtOnce);

  constructor(link: Link, names: Names, options: { replicas?: number } = {}) {
    this.#link = link;
    this.#bucket = names.actorsBucket;
    this.#stream = streamOf(names.actorsBucket);
    this.#historyStream = names.historyStream;
    this.#replicated = (options.replicas ?? 1) > 1;
  }

  append(record: ActorRecord, options: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    const payload = Buffer.from(JSON.stringify(record));
    const tooLong = tooLongOf(record, payload.length);
    if (tooLong) return Promise.reject(tooLong);
    const outcome = this.#append(record, payload, options.signal);
    return options.signal ? orAborted(outcome, options.signal) : outcome;
  }

  async #append(record: ActorRecord, payload: Uint8Array, signal: AbortSignal | undefined): Promise<AppendOutcome> {
    const key = keyOf(record);
    const subject = subjectOf(this.#bucket, key);
    // One server alone takes one of two writes that follow the same revision; a write that came twice is found by `write`.
    const { incarnation, n } = record.write;
    const once = this.#replicated ? { messageId: `${key}:${incarnation}:${n}` } : {};
    let after = record.after;
    const turn = this.#gate.enter();
    if (turn) await turn; // without a wait where there is a place: every step of every actor comes by here
    try {
      for (;;) {
        signal?.throwIfAborted();
        // Nothing is published into a lost connection: it would be kept back, and sent long after the caller gave up.
        if (!this.#link.isUp) await this.#link.untilUp(signal);
        try {
          const ack = await publish(this.#link, subject, payload, { timeoutMs: putTimeoutMs, after, ...once });
          if (!this.#replicated) return { outcome: 'effective', revision: ack.seq };
        } catch (error) {
          if (!isRetried(error)) throw error;
          if (!isOvertaken(error)) await sleep(retryMs);
        }
        const resolved = await this.#untilAnswered(() => this.#resolve(record, subject), signal);
        if ('outcome' in resolved) return resolved;
        after = resolved.after;
      }
    } finally {
      this.#gate.leave();
    }
  }

  /** What became of a write: done, overtaken, or not taken yet, and then which message it must follow to be. */
  async #resolve(record: ActorRecord, subject: string): Promise<AppendOutcome | { after: number }> {
    const { chain, last } = await walkFrom(this.#link, this.#stream, subject, record.after);
    const own = chain.find(each => isSameWrite(each.record, record));
    if (own) return { outcome: 'effective', revision: own.revision };
    const newest = last && decodeRecord(last);
    const overtaking = newest && chain.at(-1);
    if (overtaking) return { outcome: 'superseded', by: overtaking };
    // The key is new, or ends in a tombstone, and nothing counts yet.
    if (record.after === 0) return { after: last?.seq ?? 0 };
    if (!newest) throw goneBefore(record, goneHint);
    // The store lost the revision itself, with its newest writes.
    if (newest.revision < record.after) return { outcome: 'superseded', by: newest };
    // Nothing follows it but, in a replicated bucket, writes that were overtaken themselves.
    return { after: newest.revision };
  }

  async forget({ record, revision }: StoredRecord): Promise<boolean> {
    const subject = subjectOf(this.#bucket, keyOf(record));
    const options = { timeoutMs: putTimeoutMs, after: revision, extra: { 'KV-Operation': 'DEL' } };
    return await patiently('the records', async () => {
      try {
        const { seq } = await publish(this.#link, subject, '', options);
        await purgeBefore(this.#link, this.#stream, subject, seq);
        return true;
      } catch (error) {
        if (isOvertaken(error)) return false; // perhaps by its own tombstone, whose acknowledgement was lost
        throw error;
      }
    });
  }

  async isForgotten(kind: string, id: string): Promise<boolean> {
    if (!isId(kind) || !isId(id)) return false;
    const query = { last_by_subj: subjectOf(this.#bucket, keyOf({ kind, id })) };
    const newest = await patiently('the records', () => readMessage(this.#link, this.#stream, query));
    return newest !== undefined && newest.header('KV-Operation') === 'DEL';
  }

  async read(kind: string, id: string): Promise<StoredRecord | undefined> {
    // What is no id could be a wildcard, and read somebody else's record.
    if (!isId(kind) || !isId(id)) return undefined;
    const subject = subjectOf(this.#bucket, keyOf({ kind, id }));
    return patiently('the records', async () => {
      if (this.#replicated) return newestEffective(this.#link, this.#stream, subject);
      const newest = await readMessage(this.#link, this.#stream, { last_by_subj: subject });
      return newest && decodeRecord(newest);
    });
  }

  async *list(kind?: string, after = 0): AsyncIterable<StoredRecord> {
    if (kind !== undefined && !isId(kind)) return;
    const filter = subjectOf(this.#bucket, kind === undefined ? '>' : `${kind}.>`);
    if (this.#replicated) {
      for (const stored of await this.#collect(filter, 'all')) if (stored.revision > after) yield stored;
    } else yield* await this.#collect(filter, after === 0 ? 'last-per-subject' : { seq: after + 1 });
  }

  /** The newest effective record of each key under a filter. */
  #collect(filter: string, from: Reading['from']): Promise<StoredRecord[]> {
    return patiently('the records', async () => {
      const found = new Map<string, StoredRecord>();
      const log = new EffectiveLog(this.#replicated);
      await readStream(this.#link, this.#stream, { filter, from }, message => {
        const stored = log.take(message);
        if (stored) found.set(message.subject, stored);
        else if (!decodeRecord(message)) found.delete(message.subject);
        return true;
      });
      return [...found.values()];
    });
  }

  async history(kind: string, id: string, options: { limit?: number; before?: number } = {}): Promise<StoredRecord[]> {
    if (!isId(kind) || !isId(id)) return [];
    const where = {
      subject: subjectOf(this.#bucket, keyOf({ kind, id })),
      bucketStream: this.#stream,
      historyStream: this.#historyStream,
      replicated: this.#replicated,
    };
    const limit = options.limit ?? 50;
    return patiently('the records', () =>
      readHistory(this.#link, where, limit, options.before ?? Number.MAX_SAFE_INTEGER),
    );
  }

  async watch(see: (stored: StoredRecord) => void): Promise<() => void> {
    const log = new EffectiveLog(this.#replicated);
    return openFeed(this.#link, {
      stream: this.#stream,
      filter: subjectOf(this.#bucket, '>'),
      from: this.#replicated ? 'all' : 'last-per-subject',
      afterLoss: 'resume',
      deliver: message => {
        const stored = log.take(message);
        if (stored) see(stored);
      },
    });
  }

  /** Asks until there is an answer: an append has nothing else to do, and ends with the truth only. */
  async #untilAnswered<T>(question: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      await this.#link.untilUp(signal);
      try {
        return await question();
      } catch (error) {
        if (!isTransient(error)) throw error;
        await sleep(retryMs);
      }
    }
  }
}

/** A full or failing store refuses for now: its room may come back, and the write is not lost meanwhile. */
function isRetried(error: unknown): boolean {
  if (isTransient(error) || isOvertaken(error)) return true;
  const full: number[] = [refusals.storeFailed, refusals.insufficientResources, refusals.storageExceeded];
  return error instanceof JetStreamRefusal && full.includes(error.code);
}
