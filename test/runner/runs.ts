/** A run's directory in a temporary place, and the engine processes that a test starts in it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type EngineBounds,
  type EngineProcess,
  type EngineStart,
  startEngine,
  stopLeftover,
} from '../../src/runner/engine-process.ts';
import { identityOf, type ProcessIdentity } from '../../src/runner/process-identity.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';
import { eventually } from '../support/eventually.ts';
import { processesNaming } from '../support/processes.ts';

export class TestRun {
  readonly data: string;
  readonly directory: RunDirectory;
  /** The run whose agent is a process of its own. */
  readonly inner: RunDirectory;
  readonly token = `test-${crypto.randomUUID()}`;
  readonly lines: string[] = [];
  readonly #engines: EngineProcess[] = [];

  private constructor(data: string) {
    this.data = data;
    this.directory = new RunDirectory(data, 'run-1');
    this.inner = new RunDirectory(data, 'inner');
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

  /** Starts a piece of JavaScript that says `ready` by an agent of its own, which is killed then and never comes back. */
  async startAndKill(
    script: string,
    bounds: EngineBounds = {},
  ): Promise<{ engine: ProcessIdentity; directory: RunDirectory }> {
    const agent = join(import.meta.dirname, 'agent-with-engine.ts');
    const child = spawn(process.execPath, [agent, this.data, `${this.token}-inner`, JSON.stringify(bounds), script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', chunk => {
      said += chunk;
    });
    const engine = await eventually('the engine is started', () => identityOf(Number(said)));
    child.kill('SIGKILL');
    await eventually('its agent is gone', () => child.signalCode !== null);
    return { engine, directory: this.inner };
  }

  /** Every process that names the run's directory or carries its token: runners, watchers and engines. */
  processes(): number[] {
    return [...processesNaming(this.data), ...processesNaming(this.token)].map(({ pid }) => pid);
  }

  /** Kills what is left, and removes the directory. Throws where a run left a process behind. */
  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop({ graceMs: 0 });
    await stopLeftover(this.inner, { graceMs: 0 });
    const left = this.processes();
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await rm(this.data, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the run left processes: ${left.join(', ')}`);
  }
}

/** Takes a run out of its control groups, so that it is as on a host that has none. */
export function dissolveLeaves(directory: RunDirectory): void {
  const file = join(directory.path, 'leaves');
  const leaves = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  rmSync(file, { force: true });
  for (const leaf of leaves) emptyLeaf(leaf);
}

const leafTriesMax = 1_000;

/** What is being started while it is moved stands there once more, so it is asked again. */
function emptyLeaf(leaf: string): void {
  for (let left = leafTriesMax; ; left -= 1) {
    for (const pid of readFileSync(join(leaf, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
      try {
        writeFileSync(join(dirname(leaf), 'cgroup.procs'), pid);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended
      }
    try {
      rmdirSync(leaf);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || left === 0) throw error;
    }
  }
}
