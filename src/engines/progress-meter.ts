/** Counts what is done and says it at most twice a second, with a rate over the last seconds and the time left. */
import type { Progress } from '../domain/run.ts';

const everyMs = 500;
/** The rate looks back this far, so that it follows the disk and does not flicker. */
const rateOverMs = 10_000;

export class ProgressMeter {
  bytesDone = 0;
  filesDone = 0;
  /** Where set, it is asked for `bytesDone` each time. */
  read: (() => number) | undefined;
  /** Unknown until somebody counted. */
  totals: { bytes: number; files: number } | null = null;
  readonly #say: (progress: Progress) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #samples: { at: number; bytes: number }[] = [];
  #saidAt = Number.NEGATIVE_INFINITY;
  /** Nothing done yet is not worth a line. */
  #last = JSON.stringify([0, 0, null]);

  constructor(say: (progress: Progress) => void) {
    this.#say = say;
    this.#samples.push({ at: performance.now(), bytes: 0 });
    this.#timer = setInterval(() => this.#tick(), everyMs);
    this.#timer.unref();
  }

  /** Says no more, but for where it stands if that is due: a short job is heard of once. */
  end(): void {
    clearInterval(this.#timer);
    if (performance.now() - this.#saidAt >= everyMs) this.#tick();
  }

  #tick(): void {
    const now = performance.now();
    if (this.read) this.bytesDone = this.read();
    this.#samples.push({ at: now, bytes: this.bytesDone });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > rateOverMs) this.#samples.shift();
    const progress = this.#progress(now);
    // A repeat says nothing; that no bytes move is for whoever watches for a stall to see.
    const text = JSON.stringify([progress.bytesDone, progress.filesDone, progress.bytesTotal]);
    if (text === this.#last) return;
    this.#last = text;
    this.#saidAt = now;
    this.#say(progress);
  }

  #progress(now: number): Progress {
    const oldest = this.#samples[0] ?? { at: now, bytes: 0 };
    const seconds = (now - oldest.at) / 1000;
    const rate = seconds > 0.1 ? Math.round((this.bytesDone - oldest.bytes) / seconds) : null;
    // A source that grows under the reader must not show more than the whole.
    const bytesTotal = this.totals && Math.max(this.totals.bytes, this.bytesDone);
    const filesTotal = this.totals && Math.max(this.totals.files, this.filesDone);
    const etaS = bytesTotal === null || !rate ? null : Math.ceil((bytesTotal - this.bytesDone) / rate);
    return {
      bytesDone: this.bytesDone,
      bytesTotal,
      filesDone: this.filesDone,
      filesTotal,
      rateBytesPerS: rate,
      etaS,
    };
  }
}
