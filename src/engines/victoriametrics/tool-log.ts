/**
 * What vmbackup and vmrestore say, a JSON object a line. It keeps what an outcome needs: the counts of its last word, or
 * why it failed. Heard again from the first line on it comes to the same.
 */
import { FailureError } from '../../core/failure.ts';
import type { Progress } from '../../domain/run.ts';
import type { StepEnd } from '../engine.ts';
import { endedWithout } from '../failures.ts';
import { meanings, said } from './facts.ts';

interface Line {
  ts: string;
  level: string;
  msg: string;
}

const unknown: Progress = {
  bytesDone: null,
  bytesTotal: null,
  filesDone: null,
  filesTotal: null,
  rateBytesPerS: null,
  etaS: null,
};

export class ToolLog {
  /** How many parts the source has; null until it said so. */
  parts: number | null = null;
  backedUp: { bytes: number; uploaded: number } | null = null;
  restoredBytes: number | null = null;
  #fatal: string | null = null;
  #progress = unknown;
  /** When it said its first word, in milliseconds. */
  #began: number | undefined;

  hear(text: string): Progress | undefined {
    const line = lineOf(text);
    if (!line) return undefined;
    this.#began ??= Date.parse(line.ts);
    if (line.level === 'fatal' || line.level === 'panic') this.#fatal = line.msg;
    const parts = said.sourceParts.exec(line.msg);
    if (parts) this.parts = Number(parts[1]);
    const backedUp = said.backedUp.exec(line.msg);
    if (backedUp) this.backedUp = { bytes: Number(backedUp[1]), uploaded: Number(backedUp[2]) };
    const restored = said.restored.exec(line.msg);
    if (restored) this.restoredBytes = Number(restored[1]);
    return this.#progressOf(line);
  }

  /** Why it ended without what it was asked for. */
  failure(end: Pick<StepEnd, 'code' | 'signal' | 'stderrTail'>): FailureError {
    const message = this.#fatal;
    if (message === null) return endedWithout(end);
    const meaning = meanings.find(({ pattern }) => pattern.test(message));
    if (!meaning) return endedWithout({ ...end, stderrTail: message });
    const { kind, code, hint } = meaning;
    return new FailureError({ kind, code, message, hint });
  }

  #progressOf({ ts, msg }: Line): Progress | undefined {
    const found = said.progress.exec(msg);
    if (!found) return undefined;
    const [done, total] = [Number(found[1]), Number(found[2])];
    if (found[3] === 'parts') this.#progress = { ...this.#progress, filesDone: done, filesTotal: total };
    else {
      const seconds = (Date.parse(ts) - (this.#began ?? 0)) / 1_000;
      const rate = seconds > 0 ? done / seconds : null;
      this.#progress = {
        ...this.#progress,
        bytesDone: done,
        bytesTotal: total,
        rateBytesPerS: rate === null ? null : Math.round(rate),
        etaS: rate ? Math.ceil((total - done) / rate) : null,
      };
    }
    return this.#progress;
  }
}

/** What is no line of its log, such as the stack of a crash, is passed over. */
function lineOf(text: string): Line | undefined {
  try {
    const { ts, level, msg } = JSON.parse(text) as Record<string, unknown>;
    return typeof ts === 'string' && typeof level === 'string' && typeof msg === 'string'
      ? { ts, level, msg }
      : undefined;
  } catch {
    return undefined;
  }
}
