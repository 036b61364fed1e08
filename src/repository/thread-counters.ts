/** How many bytes counters of these names take; whoever shares more puts it behind them. */
export function bytesOf(names: readonly string[]): number {
  return 8 * names.length + 8;
}

/** Numbers that the threads of a pool add to while they work, and the flag that stops them. */
export class ThreadCounters<Name extends string> {
  readonly memory: SharedArrayBuffer;
  readonly #names: readonly Name[];
  readonly #counts: BigInt64Array;
  readonly #stop: Int32Array;

  /** `memory` is that of the counters of the same names in another thread; without it, all begin at 0. */
  constructor(names: readonly Name[], memory = new SharedArrayBuffer(bytesOf(names))) {
    this.memory = memory;
    this.#names = names;
    this.#counts = new BigInt64Array(memory, 0, names.length);
    this.#stop = new Int32Array(memory, 8 * names.length, 1);
  }

  get(name: Name): number {
    return Number(Atomics.load(this.#counts, this.#names.indexOf(name)));
  }

  add(name: Name, count: number): void {
    Atomics.add(this.#counts, this.#names.indexOf(name), BigInt(count));
  }

  get isStopped(): boolean {
    return Atomics.load(this.#stop, 0) !== 0;
  }

  stop(): void {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
  }

  /** Waits in this thread, unless it is stopped. */
  pause(ms: number): void {
    if (ms > 0) Atomics.wait(this.#stop, 0, 0, ms);
  }
}
