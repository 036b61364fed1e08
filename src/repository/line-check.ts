/** Holds each line of a manifest against the ones before it, and its entries against its totals. */
import { LineError } from './line-blocks.ts';
import type { Entry, ManifestLine, Piece, Totals } from './manifest.ts';
import { PlainFileLine } from './plain-file-line.ts';
import { TreeOrder } from './tree-order.ts';

export class LineCheck {
  readonly #order = new TreeOrder();
  readonly #totals: Totals = { files: 0, directories: 0, bytes: 0 };
  readonly #claimed: Totals;
  readonly #groups = new Set<number>();
  #ended = false;
  /** Bytes that the last file still lacks. */
  #lacking = 0;
  #lines = 0;

  /** `claimed` is what the header says. */
  constructor(claimed: Totals) {
    this.#claimed = claimed;
  }

  /** The next line, which `parse` reads from a place of a block. Throws a LineError where it may not stand there. */
  next<Line extends ManifestLine | PlainFileLine>(
    parse: (block: Buffer, at: number, end: number) => Line,
    block: Buffer,
    at: number,
    end: number,
  ): Line {
    this.#lines += 1;
    try {
      const parsed = parse(block, at, end);
      this.#judge(parsed);
      return parsed;
    } catch (cause) {
      throw new LineError(cause, this.#lines);
    }
  }

  end(): void {
    if (!this.#ended) throw new LineError('it ends without a footer');
  }

  #judge(line: ManifestLine | PlainFileLine): void {
    if (this.#ended) throw new Error('it stands after the footer');
    if (line.type !== 'data') this.#whole();
    if (line.type === 'data') this.#take(line.content);
    else if (line.type === 'footer') this.#foot(line.totals);
    else this.#admit(line);
  }

  #admit(entry: Entry | PlainFileLine): void {
    this.#order.admit(entry.path, entry.type === 'directory');
    if (entry.type === 'directory') this.#totals.directories += 1;
    else this.#totals.files += 1;
    if (entry.type === 'file') this.#totals.bytes += entry.size;
    for (const name of totalNames)
      if (this.#totals[name] > this.#claimed[name]) throw new Error(`its header counts ${this.#claimed[name]} ${name}`);
    if (entry.type === 'link' && !this.#groups.has(entry.group)) throw new Error('its first hard link is not there');
    if (entry instanceof PlainFileLine || entry.type !== 'file') return; // a plain file is whole, and has no group
    if (entry.group !== undefined && this.#groups.has(entry.group)) throw new Error('its group is taken');
    if (entry.group !== undefined) this.#groups.add(entry.group);
    this.#lacking = entry.size;
    this.#take(entry.content);
  }

  #take(content: readonly Piece[]): void {
    for (const [length] of content) this.#lacking -= length;
    if (this.#lacking < 0) throw new Error('it has more content than its file has bytes');
  }

  #whole(): void {
    if (this.#lacking !== 0) throw new Error(`${this.#lacking} bytes are missing in the file before it`);
  }

  #foot(totals: Totals): void {
    this.#ended = true;
    for (const name of totalNames) {
      if (totals[name] !== this.#totals[name])
        throw new Error(`its footer counts ${totals[name]} ${name}, its entries ${this.#totals[name]}`);
      if (this.#claimed[name] !== totals[name])
        throw new Error(`its header counts ${this.#claimed[name]} ${name}, its footer ${totals[name]}`);
    }
  }
}

const totalNames = ['files', 'directories', 'bytes'] as const;
