/** restic, as it is when nothing is tuned: its own defaults of compression and concurrency, a cache and a password file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from './contender.ts';
import { measure, runProcess, type Usage } from './measured-process.ts';

export class Restic implements Contender {
  readonly name = 'restic';
  readonly repository: string;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.repository = join(directory, 'restic-repository');
  }

  async prepare(): Promise<void> {
    writeFileSync(this.#password, 'a password that guards nothing\n');
    mkdirSync(this.#cache, { recursive: true });
    await runProcess(this.#command('init'), this.#options());
  }

  backUp(source: string): Promise<Usage> {
    return this.#measure('backup', source);
  }

  restore(to: string): Promise<Usage> {
    return this.#measure('restore', 'latest', '--target', to);
  }

  /** It brings back the whole path, from the root on. */
  restored(to: string, source: string): string {
    return join(to, source);
  }

  get #password(): string {
    return join(this.#directory, 'restic-password');
  }

  get #cache(): string {
    return join(this.#directory, 'restic-cache');
  }

  #command(...args: string[]): string[] {
    return ['restic', '--quiet', '--repo', this.repository, '--password-file', this.#password, ...args];
  }

  #options() {
    const { PATH, HOME, TMPDIR } = process.env;
    const env = { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), RESTIC_CACHE_DIR: this.#cache };
    return { env, cwd: this.#directory };
  }

  async #measure(...args: string[]): Promise<Usage> {
    const { usage } = await measure(this.#directory, this.#command(...args), this.#options());
    return usage;
  }
}
