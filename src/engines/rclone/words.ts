/** What rclone says on stderr: a line of JSON each, and some that are plain text. */
import { FailureError } from '../../core/failure.ts';
import type { Progress, Skipped, SkippedFile } from '../../domain/run.ts';
import { failures, nextAttempt, noise, skippedBy } from './facts.ts';

interface Line {
  level?: string;
  msg?: string;
  object?: string;
  stats?: Record<string, number | null>;
}

const skippedShown = 20;
/** Names that are kept to count each once; beyond it a name counts each time that it is told. */
const namesMax = 100_000;
const wordsMax = 10;

/** Takes the lines of one process in order. */
export class Words {
  #skipped = new Map<string, SkippedFile>();
  #other: string[] = [];
  #heard = false;

  /** How far it is, where the line tells. */
  hear(text: string): Progress | undefined {
    this.#heard = true;
    const line = lineOf(text);
    if (line.stats) return progressOf(line.stats);
    const message = line.msg ?? '';
    if (nextAttempt(message)) {
      this.#skipped = new Map();
      this.#other = [];
    } else if (line.level === 'error' && !noise.test(message)) this.#error(message, line.object);
    return undefined;
  }

  /** What it could not have of the source. */
  counts(): Record<SkippedFile['why'], number> {
    const counts = { vanished: 0, changed: 0, unreadable: 0 };
    for (const { why } of this.#skipped.values()) counts[why] += 1;
    return counts;
  }

  skipped(): Skipped {
    return { count: this.#skipped.size, first: [...this.#skipped.values()].slice(0, skippedShown), path: null };
  }

  /** Its errors were all about files of the source: what is there of it was copied. */
  onlySkipped(): boolean {
    return this.#skipped.size > 0 && this.#other.length === 0;
  }

  /** What its end means, where it is no success. */
  failure(what: string, stderrTail: string): FailureError {
    return failureOfWords(what, [...this.#other, stderrTail].join('\n'));
  }

  /** Takes the end of its words, where nobody followed them. */
  hearTail(stderrTail: string): void {
    if (!this.#heard) for (const line of stderrTail.split('\n')) this.hear(line);
  }

  #error(message: string, object: string | undefined): void {
    const known = skippedBy.find(({ says }) => says.test(message));
    if (known && object !== undefined && this.#skipped.size < namesMax)
      this.#skipped.set(object, { path: object, why: known.why, code: known.code });
    else if (this.#other.length < wordsMax) this.#other.push(object === undefined ? message : `${object}: ${message}`);
  }
}

/** The failure in what it said. */
export function failureOfWords(what: string, words: string): FailureError {
  const said = lastWordsOf(words);
  const known = failures.find(({ says }) => says.test(words));
  const message = said === '' ? what : `${what}: ${said}`;
  if (known) return new FailureError({ kind: known.kind, code: known.reason, message, hint: known.hint });
  return new FailureError({ kind: 'transient', code: 'engine-failed', message, hint: 'see its log with: reeve logs' });
}

function lastWordsOf(words: string): string {
  const lines = words.split('\n').flatMap(line => {
    const { msg, stats, level } = lineOf(line);
    return stats || level === 'warning' || msg === undefined || noise.test(msg) ? [] : [msg];
  });
  return (lines.at(-1) ?? '').slice(0, 500);
}

function lineOf(text: string): Line {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json as Line;
  } catch {
    // Its very last line is plain, with the time before it.
  }
  const msg = text.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').trim();
  return msg === '' ? {} : { msg };
}

function progressOf(stats: Record<string, number | null>): Progress {
  const sum = (one: string, other: string) => (stats[one] ?? 0) + (stats[other] ?? 0);
  return {
    bytesDone: stats.bytes ?? null,
    bytesTotal: stats.totalBytes ?? null,
    filesDone: sum('transfers', 'checks'),
    filesTotal: sum('totalTransfers', 'totalChecks'),
    rateBytesPerS: stats.speed == null ? null : Math.round(stats.speed),
    etaS: stats.eta ?? null,
  };
}
