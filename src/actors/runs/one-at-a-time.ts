/** Work on one key runs one at a time, in the order in which it was asked for; work on different keys does not wait. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Settles as `work` does, once what was asked for before on this key has settled. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
