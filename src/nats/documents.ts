/** JSON documents in a bucket, one a key, changed by compare-and-set. What plans and the catalog are kept by. */
import { AnswerError } from '../core/answer-error.ts';
import { printable } from '../core/printable.ts';
import type { Link } from './connection.ts';
import { isOvertaken, publish, readMessage } from './jetstream.ts';
import { streamOf, subjectOf } from './names.ts';
import { patiently } from './patience.ts';
import { readStream } from './stream-read.ts';

export interface StoredDocument<T> {
  document: T;
  /** The bucket's revision of it. */
  revision: number;
}

interface Listed<T> {
  documents: T[];
  /** The sequence of the newest change among them. */
  newest: number;
}

/** A key that is none could be a pattern, and read somebody else's document. */
const keyPattern = /^[a-z]+\.[A-Za-z0-9_-]{1,64}$/;

export class Documents<T> {
  readonly #link: Link;
  readonly #bucket: string;
  readonly #what: string;
  readonly #kept = new Map<string, Listed<T>>();

  /** `what` names the documents in errors, such as `the plans`. */
  constructor(link: Link, bucket: string, what: string) {
    this.#link = link;
    this.#bucket = bucket;
    this.#what = what;
  }

  /** The newest document of a key, read at the stream's leader. */
  async read(key: string): Promise<StoredDocument<T> | undefined> {
    if (!keyPattern.test(key)) return undefined;
    const query = { last_by_subj: subjectOf(this.#bucket, key) };
    const kept = await patiently(this.#what, () => readMessage(this.#link, streamOf(this.#bucket), query));
    if (!kept || kept.data.length === 0) return undefined;
    return { document: JSON.parse(Buffer.from(kept.data).toString()) as T, revision: kept.seq };
  }

  /** The newest document of each key under a prefix such as `plan.`, in the order of their last change. */
  list(prefix: string): Promise<T[]> {
    return patiently(this.#what, async () => (await this.#readAll(prefix)).documents);
  }

  /**
   * The same, kept in memory: it is asked only for the newest change, and for all where it does not know that one. Its
   * documents are shared, and must not be changed.
   */
  listKept(prefix: string): Promise<readonly T[]> {
    const query = { last_by_subj: subjectOf(this.#bucket, `${prefix}>`) };
    return patiently(this.#what, async () => {
      const newest = (await readMessage(this.#link, streamOf(this.#bucket), query))?.seq ?? 0;
      const known = this.#kept.get(prefix);
      if (known?.newest === newest) return known.documents;
      const now = await this.#readAll(prefix);
      this.#kept.set(prefix, now);
      return now.documents;
    });
  }

  async #readAll(prefix: string): Promise<Listed<T>> {
    const documents: T[] = [];
    let newest = 0;
    const reading = { filter: subjectOf(this.#bucket, `${prefix}>`), from: 'last-per-subject' } as const;
    await readStream(this.#link, streamOf(this.#bucket), reading, ({ seq, data }) => {
      newest = Math.max(newest, seq);
      if (data.length > 0) documents.push(JSON.parse(Buffer.from(data).toString()) as T);
      return true;
    });
    return { documents, newest };
  }

  /**
   * Changes a document: `change` is asked with what is there, and again with a newer one when somebody was faster or
   * the outcome is unknown, until its answer is stored, or is undefined, which changes nothing. A change must therefore
   * know its own effect when it sees it. Resolves with the document as it then is.
   */
  async change(key: string, change: (now: T | undefined) => T | undefined): Promise<T | undefined> {
    if (!keyPattern.test(key)) throw new AnswerError('invalid', `"${printable(key)}" names none of ${this.#what}`);
    return patiently(this.#what, async () => {
      for (;;) {
        const now = await this.read(key);
        const next = change(now?.document);
        if (next === undefined) return now?.document;
        try {
          const options = { timeoutMs: 2_000, after: now?.revision ?? 0 };
          await publish(this.#link, subjectOf(this.#bucket, key), JSON.stringify(next), options);
          return next;
        } catch (error) {
          if (!isOvertaken(error)) throw error;
        }
      }
    });
  }
}
