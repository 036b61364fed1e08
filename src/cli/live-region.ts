/** The last lines of a terminal, drawn again in place. Lines that are printed meanwhile go above them. */
import { stripVTControlCharacters } from 'node:util';
import type { Output } from './environment.ts';
import { fitTo, widthOf } from './width.ts';

const clearBelow = '\u001b[0J';

export class LiveRegion {
  readonly #output: Output;
  #drawn = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** The width that lines are cut to: one less than the terminal's, so that none wraps. */
  get columns(): number {
    return (this.#output.columns ?? 80) - 1;
  }

  /** Replaces what was drawn. Lines that are too wide are cut, and lose their colours then. */
  draw(lines: readonly string[]): void {
    const shown = lines.map(line => {
      const bare = stripVTControlCharacters(line);
      return widthOf(bare) <= this.columns ? line : fitTo(bare, this.columns);
    });
    this.#output.write(`${this.#start()}${shown.map(line => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  /** Takes away what was drawn, so that what is written next stands in its place. May be called twice. */
  clear(): void {
    if (this.#drawn > 0) this.#output.write(this.#start());
    this.#drawn = 0;
  }

  #start(): string {
    return this.#drawn > 0 ? `\u001b[${this.#drawn}A\r${clearBelow}` : '';
  }
}
