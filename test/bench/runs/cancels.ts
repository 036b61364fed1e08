/** From a cancel to the end of the last process of its run, under each engine; through a real agent. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { World } from '../../support/world.ts';
import { median, ms, percentile, type Row } from '../measure.ts';

const rounds = 20;
const script = `echo part >"$1/part"; exec sleep 1000`;

interface Contender {
  /** The command that must be there. */
  tool?: string;
  engine: object;
  repository?: string;
  /** True once the engine of a run works. */
  isWorking: (world: World, id: string) => Promise<unknown>;
}

const moves = (world: World, id: string) => world.moving(id);

function contendersOf(world: World): Record<string, Contender> {
  const { source: path } = world;
  const hasPart = async (_: World, id: string) => {
    while (!existsSync(join(world.directory, 'dumps', 'exec', id, 'part'))) await new Promise(setImmediate);
  };
  return {
    files: { engine: { type: 'files', path }, isWorking: moves },
    exec: { engine: { type: 'exec', use: 'sleeps' }, repository: 'dumps', isWorking: hasPart },
    restic: { tool: 'restic', engine: { type: 'restic', path }, repository: 'restic', isWorking: moves },
    rclone: { tool: 'rclone', engine: { type: 'rclone', path }, repository: 'rclone', isWorking: moves },
  };
}

function agentOf(world: World) {
  const at = (name: string) => join(world.directory, name);
  writeFileSync(at('password'), 'a password of the benchmark');
  return {
    // So slow that every engine is met in the middle.
    limits: { bytesPerSecond: '8MiB', runs: 4 },
    exec: { sleeps: { backup: ['/bin/sh', '-c', script, 'sleeps', '{output}'] } },
    repositories: {
      dumps: { type: 'directory', path: at('dumps') },
      restic: { type: 'restic', url: at('restic'), passwordFile: at('password') },
      rclone: { type: 'rclone', remote: at('rclone') },
    },
  };
}

export async function run(): Promise<Row[]> {
  const world = await World.open();
  try {
    world.fill(8, 8 * 2 ** 20);
    await world.runAgent({ config: world.agentFile('here', agentOf(world)) });
    const rows: Row[] = [];
    for (const [name, contender] of Object.entries(contendersOf(world))) {
      const { tool } = contender;
      const isMissing = tool !== undefined && spawnSync(tool, ['version']).error !== undefined;
      rows.push(isMissing ? missing(name) : await measured(world, name, contender));
    }
    return rows;
  } finally {
    await world.close();
  }
}

async function measured(world: World, name: string, { engine, repository, isWorking }: Contender): Promise<Row> {
  await world.plan(name, { engine, onDrain: 'cancel', ...(repository !== undefined && { repository }) });
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const id = await world.start(name);
    await isWorking(world, id);
    const since = performance.now();
    await world.ask('backup.cancel', { id });
    while (world.workers().length > 0) await new Promise(setImmediate);
    took.push(performance.now() - since);
    await world.ending(id);
  }
  return {
    figure: `${name}: cancel to the last process gone, p50`,
    value: `${ms(median(took))} (p99 ${ms(percentile(took, 0.99))})`,
    anchor: '',
    ratio: '',
    target: '< 2 s',
    met: median(took) < 2_000,
  };
}

function missing(name: string): Row {
  return { figure: `${name}: its tool is not there`, value: '', anchor: '', ratio: '', target: '', met: true };
}
