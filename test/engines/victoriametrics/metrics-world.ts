/** A world with a VictoriaMetrics in it, an agent that has a repository and a password for it, and a plan. */
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { eventually } from '../../support/eventually.ts';
import { type HistoryRecord, World } from '../../support/world.ts';
import { restored, user, Victoria } from './victoria.ts';

export class MetricsWorld {
  readonly world: World;
  readonly victoria: Victoria;
  readonly config: string;
  readonly #passwordFile: string;

  private constructor(world: World, victoria: Victoria) {
    this.world = world;
    this.victoria = victoria;
    this.config = join(world.directory, 'agent.yaml');
    this.#passwordFile = join(world.directory, 'password');
  }

  static async open(): Promise<MetricsWorld> {
    const world = await World.open();
    const victoria = await Victoria.start(join(world.directory, 'metrics'));
    const opened = new MetricsWorld(world, victoria);
    opened.writePassword(victoria.password);
    const repositories = {
      vm: { type: 'vmbackup', url: `fs://${world.repository}` },
      gone: { type: 'vmbackup', url: `fs://${world.directory}/not/mounted` },
    };
    const credentials = { vm: { basicAuthFile: join(world.directory, 'password') } };
    const file = { kind: 'Agent', name: 'here', data: world.data, grace: '15s', repositories, credentials };
    writeFileSync(opened.config, stringify(file));
    return opened;
  }

  async close(): Promise<void> {
    await this.victoria.stop('SIGKILL');
    await this.world.close();
  }

  writePassword(password: string): void {
    writeFileSync(this.#passwordFile, `${user}:${password}\n`, { mode: 0o600 });
  }

  async runAgent() {
    return await this.world.runAgent({ config: this.config });
  }

  /** Puts a plan of the server; `engine` and `more` are laid over it. */
  async plan(name: string, engine: object = {}, more: object = {}): Promise<void> {
    const { url, dataPath } = this.victoria;
    await this.world.plan(name, {
      engine: { type: 'victoriametrics', url, dataPath, credentials: 'vm', ...engine },
      repository: 'vm',
      retry: { attempts: 1 },
      ...more,
    });
  }

  /** Starts a backup that sends everything, and resolves once its first bytes are there. */
  async movingBackup(plan: string): Promise<string> {
    const id = await this.world.start(plan, { rescan: true });
    await eventually('first bytes', () => bytesIn(join(this.world.repository, id)) > 0, 20_000);
    return id;
  }

  async restore(backup: string, to = restored(this.world.directory), more: object = {}): Promise<HistoryRecord> {
    const { id } = await this.world.ask('restore.start', { backup, to, ...more });
    return await this.world.ending(String(id), 'restore');
  }

  async verify(backup: string): Promise<HistoryRecord> {
    const { id } = await this.world.ask('verify.start', { backup });
    return await this.world.ending(String(id), 'verify');
  }

  async drill(backup: string): Promise<HistoryRecord> {
    const { id } = await this.world.ask('drill.start', { backup });
    return await this.world.ending(String(id), 'drill');
  }

  /** What lies in the repository. */
  stored(): string[] {
    const names = existsSync(this.world.repository) ? readdirSync(this.world.repository) : [];
    return names.filter(name => !name.startsWith('.')).sort();
  }

  /** The processes of vmbackup that run for this world. */
  copying(): number[] {
    return this.world
      .processes()
      .filter(({ command }) => command[0] === 'vmbackup')
      .map(({ pid }) => pid);
  }

  /** What a run that is over must not have left. */
  async left(): Promise<{ snapshots: string[]; processes: number[]; directories: string[] }> {
    const directories = this.world.runDirectories();
    return { snapshots: await this.victoria.snapshots(), processes: this.copying(), directories };
  }
}

export const nothing = { snapshots: [], processes: [], directories: [] };

function bytesIn(directory: string): number {
  if (!existsSync(directory)) return 0;
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
