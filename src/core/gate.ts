/**
 * At most so many at once; the others wait, in order. A server that is asked a hundred thousand things in one moment answers
 * the last of them after everybody has given up, and is then asked all of it again.
 */
export class Gate {
  readonly #most: number;
  #inside = 0;
  #waiting: (() => void)[] = [];
  /** Where the queue begins: nothing is moved when one leaves it. */
  #head = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a place; a promise of one where all are taken. Whoever has it gives it back by `leave`. */
  enter(): Promise<void> | undefined {
    if (this.#inside >= this.#most) return new Promise(resolve => this.#waiting.push(resolve));
    this.#inside += 1;
    return undefined;
  }

  /** Does `work` once there is a place, and settles as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** The place goes to the next that waits. */
  leave(): void {
    const next = this.#waiting[this.#head];
    if (!next) {
      this.#inside -= 1;
      return;
    }
    this.#head += 1;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
    next();
  }
}
