/**
 * Finds where a zstd frame ends, part by part, by the lengths of its header and its blocks (RFC 8878, 3.1.1). A
 * decompressor does not tell: it ends with the frame, or takes what stands behind it for another one.
 */
const magicAndDescriptorBytes = 5;
const blockHeadBytes = 3;
const checksumBytes = 4;
const dictionaryBytes = [0, 1, 2, 4] as const;
const sizeBytes = [0, 2, 4, 8] as const;
/** A block of one byte that is repeated. */
const repeated = 1;

export class ZstdFrameEnd {
  /** Of the frame, that have passed. */
  bytes = 0;
  #isInHeader = true;
  /** What is known of the head that is being read. */
  #head: number[] = [];
  /** Bytes that need not be looked at. */
  #skip = 0;
  #hasChecksum = false;
  #isLast = false;

  /** True once all of the frame has passed. What begins as no frame ends as one of chance: its reader refuses it. */
  get isThere(): boolean {
    return this.#isLast && this.#skip === 0;
  }

  /** Takes the next part of the file, and answers how many bytes of it belong to the frame. */
  take(part: Buffer): number {
    let at = 0;
    while (at < part.length && !this.isThere) {
      const skipped = Math.min(this.#skip, part.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip === 0 && !this.#isLast && at < part.length) this.#read(part[at++] as number);
    }
    this.bytes += at;
    return at;
  }

  #read(byte: number): void {
    this.#head.push(byte);
    if (this.#head.length < (this.#isInHeader ? magicAndDescriptorBytes : blockHeadBytes)) return;
    if (this.#isInHeader) this.#readDescriptor(byte);
    else this.#readBlockHead();
    this.#head = [];
  }

  #readDescriptor(byte: number): void {
    const isSingleSegment = (byte & 0x20) !== 0;
    this.#hasChecksum = (byte & 0x04) !== 0;
    const sizeOfSize = sizeBytes[byte >> 6] || (isSingleSegment ? 1 : 0);
    this.#skip = (isSingleSegment ? 0 : 1) + (dictionaryBytes[byte & 3] ?? 0) + sizeOfSize;
    this.#isInHeader = false;
  }

  #readBlockHead(): void {
    const [low = 0, middle = 0, high = 0] = this.#head;
    const head = low | (middle << 8) | (high << 16);
    this.#isLast = (head & 1) === 1;
    this.#skip = ((head >> 1) & 3) === repeated ? 1 : head >> 3;
    if (this.#isLast && this.#hasChecksum) this.#skip += checksumBytes;
  }
}
