/** How far one engine is: as it says itself, or as its adapter measures where it says nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../../domain/run.ts';

const measureEveryMs = 1_000;

export class EngineProgress {
  latest: Progress | undefined;
  /** When bytes were last seen to advance (monotonic, ms). */
  #advancedAt = performance.now();
  #isOver = false;
  readonly #onProgress: (progress: Progress) => void;

  constructor(onProgress: (progress: Progress) => void) {
    this.#onProgress = onProgress;
  }

  /** How long no byte advanced, in milliseconds. */
  get stalledMs(): number {
    return performance.now() - this.#advancedAt;
  }

  hear(progress: Progress | undefined): void {
    if (!progress || this.#isOver) return;
    const { bytesDone, filesDone } = progress;
    if (bytesDone !== this.latest?.bytesDone || filesDone !== this.latest?.filesDone)
      this.#advancedAt = performance.now();
    this.latest = progress;
    this.#onProgress(progress);
  }

  /** Measures until `end` is called. A look takes as long as it takes, and the next one waits at least ten times that. */
  async measure(look: () => Promise<Progress>): Promise<void> {
    while (!this.#isOver) {
      const since = performance.now();
      this.hear(await look().catch(() => undefined));
      await sleep(Math.max(measureEveryMs, 10 * (performance.now() - since)), undefined, { ref: false });
    }
  }

  end(): void {
    this.#isOver = true;
  }
}
