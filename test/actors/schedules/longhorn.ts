/**
 * The cluster of Longhorn's replay: two agents, three plans of a VictoriaMetrics each and three of files, every source
 * written to all the time, one backup and one snapshot of a plan retained.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noise } from '../../engines/files/trees.ts';
import { missingTools, restored, user, Victoria } from '../../engines/victoriametrics/victoria.ts';
import type { TestAgent } from '../../support/agent.ts';
import { type HistoryRecord, World } from '../../support/world.ts';

const agentOf = { north: 'a', south: 'a', west: 'b', docs: 'a', mail: 'a', photos: 'b' } as const;
const policy = { labels: { often: 'yes' }, retention: { keepLast: 1 } };
const filesKept = 20;

/** A plan's VictoriaMetrics, and when each of the batches that it took in was acknowledged, in milliseconds. */
interface Metrics {
  victoria: Victoria;
  taken: { batch: string; atMs: number }[];
}

export class Longhorn {
  readonly world: World;
  readonly metrics = new Map<string, Metrics>();
  readonly filesPlans = ['docs', 'mail', 'photos'];
  #agents: TestAgent[] = [];
  #isWriting = true;
  #writers: Promise<void>[] = [];

  static async open(): Promise<Longhorn> {
    const opened = new Longhorn(await World.open());
    await opened.#openSources();
    await opened.startAgents();
    await opened.#putPlans();
    return opened;
  }

  private constructor(world: World) {
    this.world = world;
  }

  async close(): Promise<void> {
    await this.stopWriting();
    for (const { victoria } of this.metrics.values()) await victoria.stop('SIGKILL');
    await this.world.close();
  }

  /** Where the tools of VictoriaMetrics are not installed there are none. */
  get metricsPlans(): string[] {
    return [...this.metrics.keys()];
  }

  get plans(): string[] {
    return [...this.metricsPlans, ...this.filesPlans];
  }

  async startAgents(): Promise<void> {
    const start = (name: string) =>
      this.world.runAgent({
        name,
        data: this.world.dataOf(name),
        config: join(this.world.directory, `agent-${name}.yaml`),
      });
    this.#agents = await Promise.all([start('a'), start('b')]);
  }

  /** Kills nats-server and agents, each at its own moment within half a second. */
  async killAll(): Promise<void> {
    const killers = [this.world.server, ...this.#agents].map(each => async () => {
      await sleep(Math.random() * 500);
      await each.kill();
    });
    await Promise.all(killers.map(kill => kill()));
  }

  async stopWriting(): Promise<void> {
    this.#isWriting = false;
    await Promise.all(this.#writers);
  }

  /** What lies at the destination of a plan's backups. */
  destinations(plan: string): string[] {
    return readdirSync(this.#metricsRepository).filter(name => name.startsWith(`${plan}-`));
  }

  /** What runs left in the agents' data, which is nothing once all are over. */
  runDirectories(): string[] {
    return ['a', 'b'].flatMap(name => this.world.runDirectories(this.world.dataOf(name)));
  }

  /** The batches that were acknowledged before a backup began and are not in it, found by a server on what it restores. */
  async missingIn({ id, context }: HistoryRecord): Promise<string[]> {
    const taken = this.metrics.get(String(context.plan))?.taken ?? [];
    const began = Date.parse(String(context.startedAt));
    const to = restored(this.world.directory);
    const restore = await this.world.ask('restore.start', { backup: id, to });
    const { state } = await this.world.ending(String(restore.id), 'restore');
    if (state !== 'completed') throw new Error(`the restore of ${id} is ${state}`);
    const back = await Victoria.start(to);
    try {
      const found = await back.series();
      const wanted = taken.filter(({ atMs }) => atMs < began);
      if (wanted.length === 0) throw new Error(`nothing was written before ${id} began`);
      return wanted.filter(({ batch }) => !Object.hasOwn(found, batch)).map(({ batch }) => batch);
    } finally {
      await back.stop('SIGKILL');
    }
  }

  get #metricsRepository(): string {
    return `${this.world.repository}-vm`;
  }

  async #openSources(): Promise<void> {
    const passwordFile = join(this.world.directory, 'password');
    writeFileSync(passwordFile, `${user}:right\n`, { mode: 0o600 });
    for (const name of ['a', 'b'])
      this.world.agentFile(name, {
        lease: '3s',
        repositories: {
          vm: { type: 'vmbackup', url: `fs://${this.#metricsRepository}` },
        },
        credentials: { vm: { basicAuthFile: passwordFile } },
      });
    if (missingTools().length === 0)
      for (const plan of ['north', 'south', 'west']) {
        const victoria = await Victoria.start(join(this.world.directory, plan));
        this.metrics.set(plan, { victoria, taken: [] });
      }
    for (const plan of this.filesPlans) mkdirSync(join(this.world.source, plan));
    this.#writers = [...[...this.metrics.values()].map(each => this.#ingest(each)), this.#writeFiles()];
  }

  async #ingest({ victoria, taken }: Metrics): Promise<void> {
    for (let written = 0; this.#isWriting; written += 1) {
      const batch = `batch-${written}`;
      await victoria.ingest(batch, 5);
      taken.push({ batch, atMs: Date.now() });
      await sleep(100);
    }
  }

  async #writeFiles(): Promise<void> {
    for (let written = 0; this.#isWriting; written += 1) {
      for (const plan of this.filesPlans)
        writeFileSync(
          join(this.world.source, plan, `file-${written % filesKept}`),
          noise(20_000, `${plan} ${written}`),
        );
      await sleep(50);
    }
  }

  async #putPlans(): Promise<void> {
    for (const [plan, { victoria }] of this.metrics) {
      const { url, dataPath } = victoria;
      const engine = {
        type: 'victoriametrics',
        url,
        dataPath,
        credentials: 'vm',
      };
      await this.#put(plan, {
        engine,
        repository: 'vm',
        labels: { ...policy.labels, shots: 'yes' },
      });
    }
    for (const plan of this.filesPlans)
      await this.#put(plan, {
        engine: { type: 'files', path: join(this.world.source, plan) },
      });
  }

  async #put(plan: string, more: object): Promise<void> {
    const agent = agentOf[plan as keyof typeof agentOf];
    await this.world.plan(plan, {
      ...policy,
      onDrain: 'detach',
      placement: { agent },
      ...more,
    });
  }
}
