/** A plan that is overdue is told by its agent, once when it comes to be so and once when it is so no more. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reeve } from '../cli/run-reeve.ts';
import type { TestAgent } from '../support/agent.ts';
import { World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 20_000);
});
afterEach(() => world?.close());

const told = ({ log }: TestAgent) =>
  log.filter(({ fact }) => fact === 'plan.overdue' || fact === 'plan.on-time').map(({ fact, plan }) => [fact, plan]);
const overdueNow = async (name: string) => (await world.ask('plan.get', { name })).overdue;
const completedAt = async (id: string) => {
  const { backups } = (await world.ask('catalog.list')) as unknown as {
    backups: { id: string; completedAt: string }[];
  };
  return backups.find(backup => backup.id === id)?.completedAt;
};

test('five backups in a row that drains cancel are told, whatever the plan wants, until one is complete', async () => {
  const first = await world.runAgent();
  await world.plan('docs', { onDrain: 'cancel' });
  const since = await completedAt((await world.backUp('docs')).id);
  await first.terminate();
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  const begin = async (time: number) => {
    world.fill(1, 20_000, `drain-${time}`);
    const id = await world.start('docs');
    await world.stoppedEngine();
    return id;
  };
  for (const time of [1, 2, 3, 4]) {
    const id = await begin(time);
    await world.ask('agent.drain', { agent: 'here' });
    expect(await world.ending(id)).toMatchObject({ state: 'cancelled', reason: 'drain-cancelled' });
    await world.reached('here', ({ state }) => state === 'draining.empty', 'agent');
    await world.ask('agent.undrain', { agent: 'here' });
    await world.reached('here', ({ state }) => state === 'running', 'agent');
  }
  expect(await overdueNow('docs')).toBeUndefined();
  expect(told(agent)).toEqual([]);
  await begin(5);
  expect((await agent.terminate()).status).toBe(0);
  const why = 'its last 5 backups were each cancelled by a drain';
  expect(told(agent)).toEqual([['plan.overdue', 'docs']]);
  expect(await agent.told('plan.overdue')).toMatchObject({ plan: 'docs', since, why, level: 40 });

  const last = await world.runAgent();
  await last.told('plan.overdue'); // for nobody may have heard of it yet
  expect(await overdueNow('docs')).toEqual({ since, why, of: ['backup'] });
  expect((await world.ask('plan.list')).plans).toMatchObject([{ name: 'docs', overdue: { since, why } }]);
  const { id } = await world.backUp('docs');
  expect(await last.told('plan.on-time')).toMatchObject({ plan: 'docs', since: await completedAt(id) });
  expect(await overdueNow('docs')).toBeUndefined();
  expect(told(last)).toEqual([
    ['plan.overdue', 'docs'],
    ['plan.on-time', 'docs'],
  ]);
});

test('a plan whose newest complete backup comes to its maxAge is told then, and again when it is on time', async () => {
  const agent = await world.runAgent();
  await world.plan('without');
  await world.backUp('without');
  await world.plan('docs', { objective: { maxAge: '1s' } });
  const first = await completedAt((await world.backUp('docs')).id);
  const why = 'its last complete backup is older than its maxAge of 1s';
  const line = await agent.told('plan.overdue');
  expect(line).toMatchObject({ plan: 'docs', since: first, why });
  expect(Date.parse(String(line.at)) - Date.parse(String(first))).toBeGreaterThan(1_000);
  expect(await overdueNow('docs')).toEqual({ since: first, why, of: ['backup'] });
  // By another objective it would be on time; its agent looks when a backup ends.
  await world.plan('docs', { objective: { maxAge: '1d' } });
  expect(await overdueNow('docs')).toBeUndefined();
  const second = await completedAt((await world.backUp('docs')).id);
  expect(await agent.told('plan.on-time')).toMatchObject({ plan: 'docs', since: second });
  await world.plan('docs', { objective: { maxAge: '1ms' } });
  const third = await completedAt((await world.backUp('docs')).id);
  await agent.told('plan.overdue', ({ since }) => since === third);
  expect(told(agent).map(([fact]) => fact)).toEqual(['plan.overdue', 'plan.on-time', 'plan.overdue']);
  expect(told(agent).flat()).not.toContain('without');
});

test('a plan whose backups no drill has brought back is told, until one has, and again when that is long ago', async () => {
  const agent = await world.runAgent();
  await world.plan('docs', { objective: { drillEvery: '1d' } });
  const since = await completedAt((await world.backUp('docs')).id);
  const why = 'no drill has brought a backup of it back yet, and its drillEvery is 1d';
  expect(await agent.told('plan.overdue')).toMatchObject({ plan: 'docs', since, why, of: ['drill'] });
  expect(await overdueNow('docs')).toEqual({ since, why, of: ['drill'] });
  const status = () => reeve(['status'], { variables: { REEVE_NATS_URL: world.server.url } });
  const told = {
    status: 1,
    stdout: expect.stringContaining(`REEVE WARNING - 1 drills overdue: docs (${why}) | plans=1`),
  };
  expect(await status()).toMatchObject(told);
  const drill = async () => await world.ending(String((await world.ask('drill.start', { plan: 'docs' })).id), 'drill');
  expect(await drill()).toMatchObject({ state: 'completed' });
  await agent.told('plan.on-time');
  expect(await overdueNow('docs')).toBeUndefined();
  expect(await status()).toMatchObject({ status: 0, stdout: expect.stringContaining('REEVE OK - 1 plans on time') });
  await world.plan('docs', { objective: { drillEvery: '1s' } });
  await drill();
  const line = await agent.told('plan.overdue', ({ why: said }) => String(said).includes('older than its drillEvery'));
  expect(line).toMatchObject({ plan: 'docs', since, of: ['drill'] });
});
