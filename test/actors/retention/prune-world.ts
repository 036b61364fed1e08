/** A world whose backups are copies that a command of the agent's file makes, to prune, lock and delete. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { type HistoryRecord, World } from '../../support/world.ts';

const script = fileURLToPath(new URL('../../support/engines/copies.sh', import.meta.url));

export interface Row {
  id: string;
  reasons: string[];
  deletedAt: string | null;
  locked: boolean;
  deleting: boolean;
}

export class PruneWorld {
  readonly world: World;
  /** What the repositories lie on: it can be moved away. */
  readonly disk: string;
  /** While it is there, backups of the command `waits` do not end. */
  readonly mark: string;
  readonly #config: string;

  static async open(): Promise<PruneWorld> {
    const opened = new PruneWorld(await World.open());
    await opened.runAgent();
    return opened;
  }

  private constructor(world: World) {
    this.world = world;
    this.disk = join(world.directory, 'disk');
    this.mark = join(world.directory, 'mark');
    mkdirSync(this.disk);
    world.fill(3, 1_000);
    const copies = { backup: ['/bin/sh', script, '{output}', world.source], proof: { file: 'DONE' } };
    const waits = { ...copies, backup: [...copies.backup, this.mark] };
    const fails = { backup: ['/bin/false', '{output}'] };
    const directory = (name: string) => ({ type: 'directory', path: join(this.disk, name) });
    const repositories = { dumps: directory('dumps'), other: directory('other') };
    this.#config = world.agentFile('here', { limits: { runs: 16 }, repositories, exec: { copies, waits, fails } });
  }

  async runAgent(failpoints = ''): Promise<TestAgent> {
    const env = failpoints === '' ? {} : { env: { REEVE_FAILPOINTS: failpoints } };
    return await this.world.runAgent({ config: this.#config, ...env });
  }

  async plan(name: string, more: object = {}): Promise<void> {
    const engine = { type: 'exec', use: 'copies' };
    const policy = { onDrain: 'finish', retry: { attempts: 1 } };
    await this.world.plan(name, { engine, repository: 'dumps', ...policy, ...more });
  }

  /** Makes backups one after another, each complete; resolves with their ids, oldest first. */
  async backups(plan: string, count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let made = 0; made < count; made += 1) {
      const { state, id } = await this.world.backUp(plan);
      if (state !== 'completed') throw new Error(`backup ${id} is ${state}`);
      ids.push(id);
    }
    return ids;
  }

  /** A prune by hand, from its start to its end. */
  async prune(plan: string): Promise<HistoryRecord> {
    return await this.world.ending(String((await this.world.ask('prune.start', { plan })).id), 'prune');
  }

  /** What a prune would keep and remove. */
  async preview(plan: string): Promise<{ keep: Row[]; remove: Row[] }> {
    return (await this.world.ask('prune.start', { plan, dryRun: true })) as unknown as { keep: Row[]; remove: Row[] };
  }

  /** The prunes of a plan, oldest first, once there are as many as are awaited, and over. */
  async prunes(plan: string, count = 1): Promise<HistoryRecord[]> {
    const ids = await eventually(`${count} prunes of ${plan}`, async () => {
      const found = await this.rows('prune.list', plan);
      return found.length >= count && found.map(({ id }) => id).reverse();
    });
    return await Promise.all(ids.map(id => this.world.ending(id, 'prune')));
  }

  /** The rows of a list about a plan. */
  async rows(command: 'prune.list' | 'backup.list' | 'catalog.list', plan: string): Promise<Row[]> {
    const answer = await this.world.ask(command, { plan });
    return (answer.prunes ?? answer.backups) as Row[];
  }

  /** The ids of the backups of a plan that exist, newest first. */
  async catalogued(plan: string): Promise<string[]> {
    return (await this.rows('catalog.list', plan)).map(({ id }) => id);
  }

  /** All that lies in a repository for a plan. */
  files(plan: string, repository = 'dumps'): string[] {
    const path = join(this.disk, repository, plan);
    return existsSync(path) ? readdirSync(path).sort() : [];
  }

  /** The same, as it must be with these backups. */
  whole(...ids: (string | undefined)[]): string[] {
    return ids.flatMap(id => [`${id}`, `${id}.files`, `${id}.slot`]).sort();
  }
}
