/**
 * The chunks that a repository has, or is about to have, shared by the threads of one process: whoever adds a chunk
 * first stores it, and nobody else does.
 *
 * A hash is known by its first 16 bytes. It stands in tables of slots, one behind the other in one shared memory, each
 * twice as large as the one before: a table that is full stays, and a new one is begun, so nothing is ever moved under
 * another thread. One lock guards all; it is held for a few hundred nanoseconds.
 */
const keyWords = 4;
const firstSlots = 16 * 1024;
/** Beyond this share of its slots a table counts as full. */
const fullShare = 0.6;
/** 2^26 slots: some 40 million chunks, 40 TB of large files. */
const memoryBytesMax = 1024 * 1024 * 1024;
const headerWords = 4;
/** The words of the header. */
const [lock, tables, inNewest, total] = [0, 1, 2, 3];

export class ChunkSet {
  /** For another thread's `new ChunkSet(memory)`. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory?: SharedArrayBuffer) {
    const firstBytes = (headerWords + firstSlots * keyWords) * 4;
    this.memory = memory ?? new SharedArrayBuffer(firstBytes, { maxByteLength: memoryBytesMax });
    this.#words = new Int32Array(this.memory);
    if (!memory) this.#words[tables] = 1;
  }

  /** How many chunks are in it. */
  get size(): number {
    return Atomics.load(this.#words, total);
  }

  has(sha256: Uint8Array): boolean {
    return this.#locked(() => this.#find(keyOf(sha256)) === 'found');
  }

  /** Adds a chunk by its hash; true where it was not in it before. */
  add(sha256: Uint8Array): boolean {
    return this.#locked(() => {
      const key = keyOf(sha256);
      const slot = this.#find(key);
      if (slot === 'found') return false;
      for (let word = 0; word < keyWords; word += 1) this.#words[slot + word] = key[word] as number;
      this.#words[total] = this.#at(total) + 1;
      this.#words[inNewest] = this.#at(inNewest) + 1;
      if (this.#at(inNewest) > slotsOf(this.#at(tables) - 1) * fullShare) this.#beginTable();
      return true;
    });
  }

  /** `found`, or the first word of the slot in the newest table that it would take. */
  #find(key: Int32Array): 'found' | number {
    let free = 0;
    for (let table = this.#at(tables) - 1; table >= 0; table -= 1) {
      const found = this.#findIn(table, key);
      if (found === 'found') return 'found';
      free ||= found;
    }
    return free;
  }

  #findIn(table: number, key: Int32Array): 'found' | number {
    const slots = slotsOf(table);
    const start = startOf(table);
    for (let probe = (key[0] as number) & (slots - 1); ; probe = (probe + 1) & (slots - 1)) {
      const slot = start + probe * keyWords;
      if (this.#isEmpty(slot)) return slot;
      if (this.#holds(slot, key)) return 'found';
    }
  }

  #isEmpty(slot: number): boolean {
    const words = this.#words;
    return words[slot] === 0 && words[slot + 1] === 0 && words[slot + 2] === 0 && words[slot + 3] === 0;
  }

  #holds(slot: number, key: Int32Array): boolean {
    const words = this.#words;
    return (
      words[slot] === key[0] && words[slot + 1] === key[1] && words[slot + 2] === key[2] && words[slot + 3] === key[3]
    );
  }

  #beginTable(): void {
    const table = this.#at(tables);
    this.memory.grow((startOf(table) + slotsOf(table) * keyWords) * 4);
    this.#words[inNewest] = 0;
    this.#words[tables] = table + 1;
  }

  #at(word: number): number {
    return this.#words[word] as number;
  }

  #locked<T>(work: () => T): T {
    while (Atomics.compareExchange(this.#words, lock, 0, 1) !== 0) Atomics.wait(this.#words, lock, 1, 1);
    try {
      return work();
    } finally {
      Atomics.store(this.#words, lock, 0);
      Atomics.notify(this.#words, lock, 1);
    }
  }
}

function slotsOf(table: number): number {
  return firstSlots * 2 ** table;
}

function startOf(table: number): number {
  return headerWords + firstSlots * (2 ** table - 1) * keyWords;
}

const scratch = new Int32Array(keyWords);
const scratchBytes = new Uint8Array(scratch.buffer);

/** The key of a hash, good until the next one is asked for. No hash begins with 16 zero bytes: that is an empty slot. */
function keyOf(sha256: Uint8Array): Int32Array {
  for (let at = 0; at < scratchBytes.length; at += 1) scratchBytes[at] = sha256[at] as number;
  return scratch;
}
