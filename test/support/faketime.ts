/** A process whose wall clock a test sets while it runs, by Debian's faketime. What passes is not touched. */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** False where it is not on this machine; CI must have it. */
export function hasFaketime(): boolean {
  if (existsSync(library)) return true;
  if (process.env.CI) throw new Error('CI must run these tests: faketime is not installed');
  process.stderr.write('SKIPPED: no test of a clock that is set, for faketime is not installed\n');
  return false;
}

export class FakeTime {
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  constructor(directory: string) {
    this.#file = join(directory, 'faketime');
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    this.set('+0');
  }

  /** Sets the clock, such as `+1d` ahead of the right time. */
  set(offset: string): void {
    writeFileSync(`${this.#file}.new`, `${offset}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
