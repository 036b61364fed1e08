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

  /** Does `work` once there is a place, and settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#most) return this.#enter(work);
    return new Promise<void>(resolve => this.#waiting.push(resolve)).then(() => this.#pass(work));
  }

  #enter<T>(work: () => Promise<T>): Promise<T> {
    this.#inside += 1;
    return this.#pass(work);
  }

  async #pass<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Its place goes to the next that waits. */
  #leave(): void {
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
