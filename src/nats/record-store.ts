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
import { FailureError } from '../core/failure.ts';
import { type ActorRecord, keyOf, recordBytesMax } from '../runtime/record.ts';
import type { AppendOutcome, RecordStore, StoredRecord } from '../runtime/record-store.ts';
import type { Link } from './connection.ts';
import { isTransient, JetStreamRefusal, publish, readMessage, refusals } from './jetstream.ts';
import { type Names, streamOf, subjectOf } from './names.ts';
import { openFeed } from './ordered-feed.ts';
import { patiently } from './patience.ts';
import { readHistory } from './record-history.ts';
import { decodeRecord, EffectiveLog } from './record-log.ts';
import { readStream } from './stream-read.ts';

const putTimeoutMs = 1_000;
const retryMs = 100;
const encoder = new TextEncoder();

export class NatsRecordStore implements RecordStore {
  readonly #link: Link;
  readonly #bucket: string;
  readonly #stream: string;
  readonly #historyStream: string;
  readonly #replicated: boolean;

  constructor(link: Link, names: Names, options: { replicas?: number } = {}) {
    this.#link = link;
    this.#bucket = names.actorsBucket;
    this.#stream = streamOf(names.actorsBucket);
    this.#historyStream = names.historyStream;
    this.#replicated = (options.replicas ?? 1) > 1;
  }

  async append(record: ActorRecord, options: { signal?: AbortSignal } = {}): Promise<AppendOutcome> {
    const payload = encoder.encode(JSON.stringify(record));
    if (payload.length > recordBytesMax) throw tooLong(record, payload.length);
    const outcome = this.#append(record, payload, options.signal);
    return options.signal ? orAborted(outcome, options.signal) : outcome;
  }

  async #append(record: ActorRecord, payload: Uint8Array, signal: AbortSignal | undefined): Promise<AppendOutcome> {
    const key = keyOf(record);
    const subject = subjectOf(this.#bucket, key);
    const messageId = `${key}:${record.write.incarnation}:${record.write.n}`;
    let after = record.after;
    for (;;) {
      signal?.throwIfAborted();
      // Nothing is published into a lost connection: it would be kept back, and sent long after the caller gave up.
      if (!this.#link.isUp) await this.#link.untilUp(signal);
      try {
        const ack = await publish(this.#link, subject, payload, { timeoutMs: putTimeoutMs, after, messageId });
        if (!this.#replicated) return { outcome: 'effective', revision: ack.seq };
      } catch (error) {
        if (!isRetried(error)) throw error;
        if (!isWrongLast(error)) await sleep(retryMs);
      }
      const resolved = await this.#resolve(record, subject, signal);
      if ('outcome' in resolved) return resolved;
      after = resolved.after;
    }
  }

  /** What became of a write: done, overtaken, or (with what it must follow) not taken yet. */
  async #resolve(
    record: ActorRecord,
    subject: string,
    signal: AbortSignal | undefined,
  ): Promise<AppendOutcome | { after: number }> {
    const newest = await this.#untilAnswered(
      () => readMessage(this.#link, this.#stream, { last_by_subj: subject }),
      signal,
    );
    const stored = newest && decodeRecord(newest);
    if (!newest || !stored) {
      if (record.after === 0) return { after: newest?.seq ?? 0 };
      throw gone(record);
    }
    if (!this.#replicated && isOwn(record, stored)) return { outcome: 'effective', revision: stored.revision };
    if (stored.revision === record.after) return { after: record.after };
    const first =
      record.after === 0
        ? (await this.#collectLog(subject, signal)).find(each => isOwn(record, each))
        : await this.#firstAfter(record, subject, signal);
    if (first && isOwn(record, first)) return { outcome: 'effective', revision: first.revision };
    return { outcome: 'superseded', by: stored };
  }

  /** The first record in the log's order that follows the same revision. */
  async #firstAfter(
    record: ActorRecord,
    subject: string,
    signal: AbortSignal | undefined,
  ): Promise<StoredRecord | undefined> {
    let seq = record.after + 1;
    for (;;) {
      const query = { seq, next_by_subj: subject };
      const next = await this.#untilAnswered(() => readMessage(this.#link, this.#stream, query), signal);
      if (!next) return undefined;
      const stored = decodeRecord(next);
      if (stored?.record.after === record.after) return stored;
      seq = next.seq + 1;
    }
  }

  async read(kind: string, id: string): Promise<StoredRecord | undefined> {
    const subject = subjectOf(this.#bucket, keyOf({ kind, id }));
    if (!this.#replicated) {
      const newest = await patiently('the records', () =>
        readMessage(this.#link, this.#stream, { last_by_subj: subject }),
      );
      return newest && decodeRecord(newest);
    }
    return (await this.#collect(subject, 'all')).at(-1);
  }

  async *list(kind?: string): AsyncIterable<StoredRecord> {
    const filter = subjectOf(this.#bucket, kind === undefined ? '>' : `${kind}.>`);
    yield* await this.#collect(filter, this.#replicated ? 'all' : 'last-per-subject');
  }

  /** All effective records that the bucket keeps of one actor, oldest first. */
  #collectLog(subject: string, signal: AbortSignal | undefined): Promise<StoredRecord[]> {
    return this.#untilAnswered(async () => {
      const found: StoredRecord[] = [];
      const log = new EffectiveLog(this.#replicated);
      await readStream(this.#link, this.#stream, { filter: subject, from: 'all' }, message => {
        const stored = log.take(message);
        if (stored) found.push(stored);
        return true;
      });
      return found;
    }, signal);
  }

  /** The newest effective record of each key under a filter. */
  #collect(filter: string, from: 'all' | 'last-per-subject'): Promise<StoredRecord[]> {
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

/** Rejects with the signal's reason as soon as it is aborted; what was under way goes on unheard. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    work.catch(() => {});
  }
}

function isOwn(record: ActorRecord, stored: StoredRecord): boolean {
  const { write } = stored.record;
  return write.incarnation === record.write.incarnation && write.n === record.write.n;
}

function isWrongLast(error: unknown): boolean {
  return error instanceof JetStreamRefusal && error.code === refusals.wrongLastSequence;
}

/** A full or failing store refuses for now: its room may come back, and the write is not lost meanwhile. */
function isRetried(error: unknown): boolean {
  if (isTransient(error) || isWrongLast(error)) return true;
  const full: number[] = [refusals.storeFailed, refusals.insufficientResources, refusals.storageExceeded];
  return error instanceof JetStreamRefusal && full.includes(error.code);
}

function tooLong(record: ActorRecord, bytes: number): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'record-too-long',
    message: `the record of ${keyOf(record)} has ${bytes} bytes, more than the ${recordBytesMax} that it may have`,
    hint: 'keep lists beside the record, and in it their count, their first and where they are',
  });
}

function gone(record: ActorRecord): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'record-gone',
    message: `the record of ${keyOf(record)} that revision ${record.after} names is gone from the store`,
    hint: 'the store was emptied, or lost its newest writes in a power failure: see the recovery notes',
  });
}
