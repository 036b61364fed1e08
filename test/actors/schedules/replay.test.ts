/**
 * Longhorn's replay: schedules of 2 s on several plans whose sources are written to all the time, and the whole cluster,
 * nats-server and agents, killed again and again at random moments. Their users' jobs went silent for good.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noise } from '../../engines/files/trees.ts';
import { missingTools, user, Victoria } from '../../engines/victoriametrics/victoria.ts';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { tellMeasured } from '../../support/measured.ts';
import { repetitions } from '../../support/repetitions.ts';
import { World } from '../../support/world.ts';
import { fatesOf, faultsOf, runsOf, untilRan } from './ticks.ts';

const everyMs = 2_000;
/** What a schedule may take beyond its interval, from the moment when all agents run again to the end of a new backup. */
const boundMs = 15_000;
const rounds = repetitions(20, 7);
const hasVictoria = missingTools().length === 0;

const plans = { docs: 'a', mail: 'a', photos: 'b' } as const;

let world: World;
let victoria: Victoria | undefined;
let agents: TestAgent[] = [];
let writing: NodeJS.Timeout;

beforeEach(async () => {
  world = await World.open();
  if (hasVictoria) victoria = await Victoria.start(join(world.directory, 'metrics'));
  await victoria?.ingest('first', 50);
  const passwordFile = join(world.directory, 'password');
  writeFileSync(passwordFile, `${user}:${victoria?.password}\n`, { mode: 0o600 });
  for (const name of ['a', 'b'])
    world.agentFile(name, {
      lease: '3s',
      repositories: { vm: { type: 'vmbackup', url: `fs://${world.repository}-vm` } },
      credentials: { vm: { basicAuthFile: passwordFile } },
    });
  for (const plan of Object.keys(plans)) mkdirSync(join(world.source, plan));
  let written = 0;
  writing = setInterval(() => {
    written += 1;
    for (const plan of Object.keys(plans))
      writeFileSync(join(world.source, plan, `file-${written % 20}`), noise(20_000, `${plan} ${written}`));
  }, 50);
});
afterEach(async () => {
  clearInterval(writing);
  await victoria?.stop('SIGKILL');
  await world?.close();
});

async function startAgents(): Promise<void> {
  const start = (name: string) =>
    world.runAgent({ name, data: world.dataOf(name), config: join(world.directory, `agent-${name}.yaml`) });
  agents = await Promise.all([start('a'), start('b')]);
}

/** How long until each schedule and plan has completed a run of a tick that came after `since`. */
async function untilAllRan(kind: string, wanted: readonly string[], since: number): Promise<number> {
  await untilRan(world, kind, wanted, since, everyMs + boundMs);
  return Date.now() - since;
}

test('after each kill of everything every schedule makes a new backup in time; no tick is lost, none runs twice', async () => {
  await startAgents();
  const engine = (plan: string) => ({ type: 'files', path: join(world.source, plan) });
  const policy = { retry: { attempts: 20, backoff: '50ms..200ms' }, retention: { keepLast: 1 } };
  for (const [plan, agent] of Object.entries(plans))
    await world.plan(plan, { engine: engine(plan), labels: { kind: 'files' }, placement: { agent }, ...policy });
  await world.ask('schedule.put', {
    name: 'often',
    plans: { labels: { kind: 'files' } },
    task: 'backup',
    every: '2s',
  });
  if (victoria) {
    const { url, dataPath } = victoria;
    const metrics = { engine: { type: 'victoriametrics', url, dataPath, credentials: 'vm' }, repository: 'vm' };
    await world.plan('metrics', { ...metrics, placement: { agent: 'b' }, ...policy });
    await world.ask('schedule.put', { name: 'shots', plan: 'metrics', task: 'snapshot', every: '2s' });
  }
  const all = () => {
    const since = Date.now();
    const snapshots = victoria ? untilAllRan('snapshot', ['metrics'], since) : Promise.resolve(0);
    return Promise.all([untilAllRan('backup', Object.keys(plans), since), snapshots]);
  };
  await all();
  for (let round = 0; round < rounds; round += 1) {
    await sleep(Math.random() * everyMs);
    await Promise.all([world.server.kill(), ...agents.map(agent => agent.kill())]);
    await sleep(Math.random() * 1_000);
    await world.server.restart();
    await startAgents();
    const [backupsMs, snapshotsMs] = await all();
    tellMeasured(`a new backup of each plan after kill ${round + 1}`, backupsMs);
    if (victoria) tellMeasured(`a new snapshot after kill ${round + 1}`, snapshotsMs);
  }
  const schedules = { often: 'backup', ...(victoria && { shots: 'snapshot' }) };
  for (const name of Object.keys(schedules)) await world.ask('schedule.delete', { name });
  for (const [schedule, kind] of Object.entries(schedules))
    for (const plan of schedule === 'shots' ? ['metrics'] : Object.keys(plans)) {
      await world.reached(`${schedule}--${plan}`, ({ final }) => final, 'schedule');
      const runs = await runsOf(world, kind, schedule, plan);
      for (const { id } of runs) expect(await world.ending(id, kind)).toMatchObject({ state: 'completed' });
      const fates = await fatesOf(world, schedule, plan);
      expect(fates.length).toBeGreaterThan(rounds);
      expect(faultsOf(fates, runs, everyMs)).toEqual([]);
      if (kind === 'backup') await untilOnlyTheNewest(plan, runs.at(-1)?.id);
    }
  expect((await world.listed()).sort()).toEqual((await world.catalogued()).sort());
  await eventually('one snapshot', async () => ((await victoria?.snapshots()) ?? ['none']).length === 1, 60_000);
});

/** Resolves once the retention has left of a plan just this backup. */
async function untilOnlyTheNewest(plan: string, id: string | undefined): Promise<void> {
  const left = async () =>
    ((await world.read('catalog.list', { plan })).backups as { id: string }[]).map(each => each.id);
  await eventually(`only ${id} of ${plan}`, async () => (await left()).join() === id, 60_000);
}
