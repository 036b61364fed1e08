/** `reeve up` as a process of its own, in a home directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.ts';
import { findNatsServer } from '../support/nats-server.ts';
import { type FoundProcess, processesNaming } from '../support/processes.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A home directory, and every process that was started for it. */
export class Home {
  /** No other process of this host names it. */
  readonly directory: string;
  readonly source: string;
  readonly data: string;
  readonly #natsServer: string;
  readonly #started: UpProcess[] = [];

  static async open(): Promise<Home> {
    return new Home(await findNatsServer());
  }

  private constructor(natsServer: string) {
    this.#natsServer = natsServer;
    this.directory = mkdtempSync(join(tmpdir(), 'reeve-home-'));
    this.source = join(this.directory, 'source');
    this.data = join(this.directory, 'state', 'reeve');
    mkdirSync(this.source);
  }

  async close(): Promise<void> {
    for (const { pid } of this.processes()) kill(pid);
    await Promise.all(this.#started.map(each => each.ended));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs `reeve` with these words; `env` is laid over what the home gives. */
  run(words: readonly string[], env: Readonly<Record<string, string>> = {}): UpProcess {
    const own = {
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      PATH: dirname(this.#natsServer),
      HOME: this.directory,
      TMPDIR: this.directory,
      XDG_STATE_HOME: join(this.directory, 'state'),
      REEVE_CACHE: join(this.directory, 'cache'),
    };
    // A free port: the one that it takes by default may be another's.
    const all = words[0] === 'up' ? [...words, '--http', '127.0.0.1:0'] : words;
    const started = new UpProcess([main, ...all], { ...own, ...env }, this.directory);
    this.#started.push(started);
    return started;
  }

  processes(): FoundProcess[] {
    return processesNaming(this.directory);
  }

  servers(): FoundProcess[] {
    return this.processes().filter(({ command }) => command[0]?.endsWith('nats-server'));
  }
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class UpProcess {
  readonly startedAt = performance.now();
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  #over = false;

  constructor(words: string[], env: NodeJS.ProcessEnv, cwd: string) {
    this.#child = spawn(process.execPath, words, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const name of ['stdout', 'stderr'] as const)
      this.#child[name]?.setEncoding('utf8').on('data', text => {
        this[name] += text;
      });
    this.#child.once('exit', () => {
      this.#over = true;
    });
    this.ended = new Promise(resolve => {
      this.#child.once('close', (status, signal) =>
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr }),
      );
    });
  }

  /** Resolves once it has said a text, on either stream. */
  async said(text: string): Promise<void> {
    await eventually(
      `"${text}" from reeve up`,
      () => {
        if (`${this.stdout}${this.stderr}`.includes(text)) return true;
        if (this.#over) throw new Error(`it ended without saying "${text}": ${this.stderr}`);
        return false;
      },
      40_000,
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async interrupt(): Promise<Ended> {
    this.signal('SIGINT');
    return await this.ended;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
