/**
 * Repeated failures, told once: a line when one starts, a line when it changes, and a line with the count when it ends.
 * It ends when somebody says so, or when it has been quiet for a while. Pure: times come with each call.
 */

/** What to tell about an occurrence: `repeated` ones are counted and not told. */
export type Occurrence = 'started' | 'changed' | 'repeated';

/** A failure that is over. */
export interface EndedFailure<Subject> {
  subject: Subject;
  /** How often it happened, over all its changes. */
  count: number;
  /** Milliseconds since the epoch, of its first and its last occurrence. */
  firstAt: number;
  lastAt: number;
}

interface Ongoing<Subject> extends EndedFailure<Subject> {
  signature: string;
}

export class RepeatedFailures<Subject> {
  readonly #ongoing = new Map<string, Ongoing<Subject>>();
  readonly #quietMs: number;
  readonly #keysMax: number;

  /** `quietMs` (default 60 s) without an occurrence ends a failure; beyond `keysMax` the one that is quiet longest ends. */
  constructor(options: { quietMs?: number; keysMax?: number } = {}) {
    this.#quietMs = options.quietMs ?? 60_000;
    this.#keysMax = options.keysMax ?? 10_000;
  }

  /** Counts an occurrence. `key` says what fails, `signature` how: another signature under the same key is a change. */
  occurred(key: string, signature: string, subject: Subject, now: number): Occurrence {
    const known = this.#ongoing.get(key);
    this.#ongoing.delete(key);
    const { count, firstAt } = known ?? { count: 0, firstAt: now };
    this.#ongoing.set(key, { subject, signature, count: count + 1, firstAt, lastAt: now });
    if (!known) return 'started';
    return known.signature === signature ? 'repeated' : 'changed';
  }

  /** Ends a failure because what failed works again; undefined where none was under way. */
  ended(key: string): EndedFailure<Subject> | undefined {
    const known = this.#ongoing.get(key);
    this.#ongoing.delete(key);
    return known;
  }

  /** Ends those that have been quiet, and those beyond the bound, quietest first. */
  expired(now: number): EndedFailure<Subject>[] {
    const over: EndedFailure<Subject>[] = [];
    for (const [key, failure] of this.#ongoing) {
      if (now - failure.lastAt < this.#quietMs && this.#ongoing.size <= this.#keysMax) break;
      this.#ongoing.delete(key);
      over.push(failure);
    }
    return over;
  }

  /** Ends all. */
  endAll(): EndedFailure<Subject>[] {
    const over = [...this.#ongoing.values()];
    this.#ongoing.clear();
    return over;
  }
}
