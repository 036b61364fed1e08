/**
 * Which messages of the bucket are effective records. A record is effective when it is the first in the log's order
 * with its `after` for its key, and the revision that it follows is effective itself. On one server every record is.
 */
import type { ActorRecord } from '../runtime/record.ts';
import type { StoredRecord } from '../runtime/record-store.ts';
import type { Kept } from './jetstream.ts';

const decoder = new TextDecoder();

/** The record in a message; undefined for a tombstone, and for what is no record. `revision` overrides its sequence. */
export function decodeRecord(message: Kept, revision = message.seq): StoredRecord | undefined {
  if (message.data.length === 0 || message.header('KV-Operation') !== '') return undefined;
  try {
    const record: unknown = JSON.parse(decoder.decode(message.data));
    return isRecord(record) ? { record, revision } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is ActorRecord {
  return typeof value === 'object' && value !== null && 'after' in value && 'write' in value && 'state' in value;
}

/**
 * Reads messages in the log's order and lets the effective ones through. Whoever writes names an effective revision, so
 * a record is overtaken exactly when it names one before the newest.
 */
export class EffectiveLog {
  readonly #replicated: boolean;
  /** The newest effective revision of each subject. */
  readonly #newest = new Map<string, number>();

  constructor(replicated: boolean) {
    this.#replicated = replicated;
  }

  /** Says which revision of a subject is the newest effective one before what comes. */
  start(subject: string, revision: number): void {
    this.#newest.set(subject, revision);
  }

  take(message: Kept): StoredRecord | undefined {
    const stored = decodeRecord(message);
    if (!this.#replicated) return stored;
    const { subject } = message;
    if (!stored) {
      this.#newest.delete(subject);
      return undefined;
    }
    // The oldest that is kept has nothing before it to be judged by.
    if (stored.record.after < (this.#newest.get(subject) ?? 0)) return undefined;
    this.#newest.set(subject, stored.revision);
    return stored;
  }
}
