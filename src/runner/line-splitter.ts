/** Cuts bytes into lines, each bounded. */

/** Takes a line without its end; while its promise is open, no other is given. */
export type OnLine = (line: string) => void | Promise<void>;

export class LineSplitter {
  readonly #lineBytesMax: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isBroken = false;

  /** Of a line that is longer than `lineBytesMax` the rest is dropped. */
  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in `chunk`, which is not kept. */
  *lines(chunk: Buffer): Generator<string> {
    let from = this.#isBroken ? chunk.indexOf(10) + 1 : 0;
    if (this.#isBroken && from === 0) return;
    this.#isBroken = false;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      from = end + 1;
      yield this.#line();
    }
    this.#hold(chunk.subarray(from));
  }

  /** Bytes are missing before the next chunk: the line that they cut is dropped. */
  skip(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#isBroken = true;
  }

  /** The last line, where it had no end. */
  *rest(): Generator<string> {
    if (this.#heldBytes > 0) yield this.#line();
  }

  #hold(part: Buffer): void {
    const kept = part.subarray(0, Math.max(0, this.#lineBytesMax - this.#heldBytes));
    if (kept.length > 0) this.#held.push(Buffer.from(kept));
    this.#heldBytes += part.length;
  }

  #line(): string {
    const line = Buffer.concat(this.#held).toString('utf8').replace(/\r$/, '');
    this.#held = [];
    this.#heldBytes = 0;
    return line;
  }
}
