/** A real VictoriaMetrics behind a password, and what the adapter is told of runs on it, without an agent. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineConfigOf } from '../../../src/domain/engine-config.ts';
import type { RunContext } from '../../../src/domain/run.ts';
import type { EngineScope } from '../../../src/engines/engine.ts';
import { RunDirectory } from '../../../src/runner/run-directory.ts';
import { user, Victoria } from './victoria.ts';

export class AdapterWorld {
  readonly root: string;
  readonly victoria: Victoria;
  readonly engine: EngineConfigOf<'victoriametrics'>;
  readonly config: EngineScope['config'];

  private constructor(root: string, victoria: Victoria) {
    this.root = root;
    this.victoria = victoria;
    const basicAuthFile = join(root, 'password');
    writeFileSync(basicAuthFile, `${user}:${victoria.password}\n`);
    const { url, dataPath } = victoria;
    this.engine = { type: 'victoriametrics', url, dataPath, credentials: 'vm' };
    this.config = { name: 'here', data: join(root, 'data'), credentials: { vm: { basicAuthFile } } } as never;
  }

  static async open(): Promise<AdapterWorld> {
    const root = mkdtempSync(join(tmpdir(), 'reeve-adapter-'));
    return new AdapterWorld(root, await Victoria.start(join(root, 'metrics')));
  }

  /** What the adapter is told of a run; its snapshot is not made yet. */
  async scopeOf(id: string, more: Partial<RunContext> = {}): Promise<EngineScope> {
    const { config, engine } = this;
    const directory = new RunDirectory(config.data, id);
    await directory.create();
    const result = { bytes: null, files: null, bytesStored: null, position: null, manifest: null };
    const run = { id, task: 'snapshot', slot: 'none', pids: [], result, document: { name: 'm', engine }, ...more };
    return { run, directory, config, key: `${id}:1` } as never;
  }

  async close(): Promise<void> {
    await this.victoria.stop('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }
}
