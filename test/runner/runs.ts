/** A run's directory in a temporary place, and the engine processes that a test starts in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineProcess, type EngineStart, startEngine } from '../../src/runner/engine-process.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';

export class TestRun {
  readonly data: string;
  readonly directory: RunDirectory;
  readonly token = `test-${crypto.randomUUID()}`;
  readonly lines: string[] = [];
  readonly #engines: EngineProcess[] = [];

  private constructor(data: string) {
    this.data = data;
    this.directory = new RunDirectory(data, 'run-1');
  }

  static async open(): Promise<TestRun> {
    const run = new TestRun(await mkdtemp(join(tmpdir(), 'reeve-runner-')));
    await run.directory.create();
    return run;
  }

  /** Starts a piece of JavaScript as the engine. */
  start(script: string, more: Partial<EngineStart> = {}): Promise<EngineProcess> {
    return this.startCommand([process.execPath, '-e', script], more);
  }

  async startCommand([command = '', ...args]: string[], more: Partial<EngineStart> = {}): Promise<EngineProcess> {
    const onLine = (line: string): void => void this.lines.push(line);
    const engine = await startEngine({ command, args, directory: this.directory, token: this.token, onLine, ...more });
    this.#engines.push(engine);
    return engine;
  }

  /** Kills what is left, and removes the directory. */
  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop({ graceMs: 0 });
    await rm(this.data, { recursive: true, force: true });
  }
}
