/**
 * The chunks that a repository has, or is about to have, shared by the threads of one process: whoever adds a chunk
 * first stores it, and nobody else does.
 *
 * A hash is known by its first 16 bytes. It stands in tables of slots, one behind the other in one shared memory, each
 * twice as large as the one before: a table that is full stays, and a new one is begun, so nothing is ever moved under
 * another thread. One lock guards all; it is held for a few hundred nanoseconds, or for the chunks of a frame.
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
/** What the lock says. Who waits is told only where somebody does: it is a call of the system. */
const [free, taken, awaited] = [0, 1, 2];
const found = -1;

export class ChunkSet {
  /** For another thread's `new ChunkSet(memory)`. */
  readonly memory: SharedArrayBuffer;
  readonly #header: Int32Array;
  /** Each of a length of its own: V8 asks at each access how long a view is that grows with its memory. */
  readonly #tables: Int32Array[] = [];

  constructor(memory?: SharedArrayBuffer) {
    const firstBytes = (headerWords + firstSlots * keyWords) * 4;
    this.memory = memory ?? new SharedArrayBuffer(firstBytes, { maxByteLength: memoryBytesMax });
    this.#header = new Int32Array(this.memory, 0, headerWords);
    if (!memory) this.#header[tables] = 1;
  }

  /** How many chunks are in it. */
  get size(): number {
    return Atomics.load(this.#header, total);
  }

  has(sha256: Uint8Array): boolean {
    return this.#hasKey(keyOf(sha256, 0));
  }

  /** The same for a hash that stands in hexadecimal at a place of `bytes`. */
  hasHex(bytes: Uint8Array, at: number): boolean {
    return this.#hasKey(keyOfHex(bytes, at));
  }

  /** Adds a chunk by its hash; true where it was not in it before. */
  add(sha256: Uint8Array): boolean {
    this.#lock();
    try {
      return this.#add(keyOf(sha256, 0));
    } finally {
      this.#unlock();
    }
  }

  /** The same for a hash that stands in hexadecimal at a place of `bytes`. */
  addHex(bytes: Uint8Array, at: number): boolean {
    this.#lock();
    try {
      return this.#add(keyOfHex(bytes, at));
    } finally {
      this.#unlock();
    }
  }

  /** Adds many: a hash stands at the beginning of each `stride` bytes. */
  addAll(hashes: Uint8Array, stride: number): void {
    this.#lock();
    try {
      for (let at = 0; at < hashes.length; at += stride) this.#add(keyOf(hashes, at));
    } finally {
      this.#unlock();
    }
  }

  #hasKey(key: Int32Array): boolean {
    this.#lock();
    try {
      return this.#find(key) === found;
    } finally {
      this.#unlock();
    }
  }

  #add(key: Int32Array): boolean {
    const slot = this.#find(key);
    if (slot === found) return false;
    const newest = this.#table(this.#at(tables) - 1);
    for (let word = 0; word < keyWords; word += 1) newest[slot + word] = key[word] as number;
    this.#header[total] = this.#at(total) + 1;
    this.#header[inNewest] = this.#at(inNewest) + 1;
    if (this.#at(inNewest) * keyWords > newest.length * fullShare) this.#beginTable();
    return true;
  }

  /** `found`, or the first word of the slot in the newest table that it would take. */
  #find(key: Int32Array): number {
    const newest = this.#at(tables) - 1;
    const slot = findIn(this.#table(newest), key);
    if (slot === found) return found;
    for (let table = newest - 1; table >= 0; table -= 1) if (findIn(this.#table(table), key) === found) return found;
    return slot;
  }

  #table(number: number): Int32Array {
    for (let next = this.#tables.length; next <= number; next += 1)
      this.#tables.push(new Int32Array(this.memory, startOf(next) * 4, slotsOf(next) * keyWords));
    return this.#tables[number] as Int32Array;
  }

  #beginTable(): void {
    const table = this.#at(tables);
    this.memory.grow((startOf(table) + slotsOf(table) * keyWords) * 4);
    this.#header[inNewest] = 0;
    this.#header[tables] = table + 1;
  }

  #at(word: number): number {
    return this.#header[word] as number;
  }

  #lock(): void {
    if (Atomics.compareExchange(this.#header, lock, free, taken) === free) return;
    while (Atomics.exchange(this.#header, lock, awaited) !== free) Atomics.wait(this.#header, lock, awaited, 1);
  }

  #unlock(): void {
    if (Atomics.exchange(this.#header, lock, free) === awaited) Atomics.notify(this.#header, lock, 1);
  }
}

/** `found`, or the first word of the slot that it would take. */
function findIn(table: Int32Array, key: Int32Array): number {
  const [first, second, third, fourth] = [key[0] as number, key[1], key[2], key[3]];
  const mask = table.length - 1; // of words: four are a slot
  for (let slot = (first << 2) & mask; ; slot = (slot + keyWords) & mask) {
    const word = table[slot];
    // Asked first: a forged hash of zeros is not found.
    if (word === 0 && table[slot + 1] === 0 && table[slot + 2] === 0 && table[slot + 3] === 0) return slot;
    if (word === first && table[slot + 1] === second && table[slot + 2] === third && table[slot + 3] === fourth)
      return found;
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
function keyOf(bytes: Uint8Array, from: number): Int32Array {
  for (let at = 0; at < scratchBytes.length; at += 1) scratchBytes[at] = bytes[from + at] as number;
  return scratch;
}

function keyOfHex(digits: Uint8Array, from: number): Int32Array {
  for (let at = 0; at < scratchBytes.length; at += 1)
    scratchBytes[at] = (digitOf(digits[from + 2 * at]) << 4) | digitOf(digits[from + 2 * at + 1]);
  return scratch;
}

/** Of a hexadecimal digit: a letter has the bit 0x40, and one more than 9 in its last four for each. */
function digitOf(digit = 0): number {
  return (digit & 0x0f) + (digit & 0x40 ? 9 : 0);
}
