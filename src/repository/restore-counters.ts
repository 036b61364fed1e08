/** What the threads of a restore add to while they work, and the flag that stops them. */
export class RestoreCounters {
  readonly memory: SharedArrayBuffer;
  readonly #bytes: BigInt64Array;
  readonly #stop: Int32Array;

  constructor(memory = new SharedArrayBuffer(16)) {
    this.memory = memory;
    this.#bytes = new BigInt64Array(memory, 0, 1);
    this.#stop = new Int32Array(memory, 8, 1);
  }

  get bytes(): number {
    return Number(Atomics.load(this.#bytes, 0));
  }

  addBytes(bytes: number): void {
    Atomics.add(this.#bytes, 0, BigInt(bytes));
  }

  get isStopped(): boolean {
    return Atomics.load(this.#stop, 0) !== 0;
  }

  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }
}
