/** The last lines of a terminal, drawn again in place. Lines that are printed meanwhile go above them. */
import type { Output } from './environment.ts';
import { fitTo } from './width.ts';

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

  /** Replaces what was drawn. Lines with colours must fit by themselves; others are cut. */
  draw(lines: readonly string[]): void {
    const shown = lines.map(line => (line.includes('\u001b') ? line : fitTo(line, this.columns)));
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
