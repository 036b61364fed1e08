/** What people do to schedules that run: trigger, change, pause, hand over by a drain, delete and put again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { fatesOf, faultsOf, runsOf, untilRan } from './ticks.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const id = 'often--docs';
const put = (timing: object) => world.ask('schedule.put', { name: 'often', plan: 'docs', task: 'backup', ...timing });
const stateOf = async () => (await world.record(id, 'schedule')).state;
const start = (name: string): Promise<TestAgent> =>
  world.runAgent({ name, data: world.dataOf(name), config: world.agentFile(name, { lease: '3s' }) });

/** Resolves once a tick after now has run. */
const ticked = () => untilRan(world, 'backup', ['docs'], Date.now());

test('a schedule is triggered, changed, paused, handed over, deleted and put again, without a restart and without a tick lost or run twice', async () => {
  const agents = new Map([
    ['a', await start('a')],
    ['b', await start('b')],
  ]);
  writeFileSync(join(world.source, 'file'), 'contents');
  await world.plan('docs', { placement: { agent: 'a' } });
  await put({ cron: '0 0 1 1 *' });
  await eventually('it waits', () =>
    stateOf().then(
      state => state === 'waiting',
      () => false,
    ),
  );

  const asked = { name: 'often', requestId: 'now, please' };
  const { ids } = await world.ask('schedule.trigger', asked);
  expect(ids).toEqual([expect.stringMatching(/^docs-[0-9a-f]{16}$/)]);
  expect(await world.ask('schedule.trigger', asked)).toMatchObject({ ids });
  const [run = ''] = ids as string[];
  expect(await world.ending(run)).toMatchObject({ state: 'completed', context: { schedule: 'often' } });
  expect(await fatesOf(world, 'often')).toMatchObject([{ fate: 'ran', run, reason: 'it was triggered by hand' }]);

  await put({ every: '1s' });
  await ticked();

  await world.ask('schedule.pause', { name: 'often', note: 'the disk is being changed' });
  await world.reached(id, ({ state }) => state === 'paused', 'schedule');
  const earlier = await runsOf(world, 'backup', 'often');
  for (const each of earlier) await world.ending(each.id);
  const { ids: byHand } = await world.ask('schedule.trigger', { name: 'often', plan: 'docs' });
  await world.ending(String((byHand as string[])[0]));
  expect(await stateOf()).toBe('paused');
  expect((await runsOf(world, 'backup', 'often')).length).toBe(earlier.length + 1);
  await world.ask('schedule.resume', { name: 'often' });
  await ticked();

  const owner = String((await world.record(id, 'schedule')).owner?.agent);
  const { actors } = await world.ask('agent.drain', { agent: owner, dryRun: true });
  expect(actors).toContainEqual({ kind: 'schedule', id, would: 'release', takesMs: expect.any(Number) });
  expect(await agents.get(owner)?.terminate()).toMatchObject({ status: 0 });
  const { owner: heir } = await world.reached(id, record => record.owner?.agent !== owner, 'schedule');
  expect(heir).toMatchObject({ agent: owner === 'a' ? 'b' : 'a', epoch: 2 });
  expect((await world.history(id, 'schedule')).map(({ state }) => state)).toContain('released');
  if (owner === 'a') agents.set('a', await start('a'));
  await ticked();

  await world.ask('schedule.delete', { name: 'often' });
  const ended = await world.reached(id, ({ final }) => final, 'schedule');
  expect(ended.state).toBe('retired');
  await put({ every: '1s' });
  const again = await world.reached(id, ({ final }) => !final, 'schedule');
  expect(again.owner?.epoch).toBeGreaterThan(2);
  const [first] = (await world.history(id, 'schedule')).filter(({ from }) => from === 'retired');
  expect(first).toMatchObject({ from: 'retired', event: 'actor.created' });
  await ticked();
  await world.ask('schedule.delete', { name: 'often' });
  await world.reached(id, ({ final, at }) => final && at !== ended.at, 'schedule');
  for (const { id: each } of await runsOf(world, 'backup', 'often')) await world.ending(each);
  const faults = faultsOf(await fatesOf(world, 'often'), await runsOf(world, 'backup', 'often'), 1_000);
  expect(faults.filter(fault => !fault.includes('without a fate'))).toEqual([]);
});

test('commands to a schedule that is not there, or has no plan, say so', async () => {
  await start('a');
  expect(await world.refusal('schedule.pause', { name: 'often' })).toMatchObject({ code: 'not-found' });
  const nothing = { plans: { labels: { tier: 'none' } } };
  await world.ask('schedule.put', { name: 'often', ...nothing, task: 'backup', every: '1h' });
  expect(await world.refusal('schedule.trigger', { name: 'ofen' })).toMatchObject({
    code: 'not-found',
    hint: 'did you mean often?',
  });
  expect(await world.refusal('schedule.trigger', { name: 'often' })).toMatchObject({ code: 'refused' });
  const over = { name: 'often', until: '2001-01-01T00:00:00Z' };
  expect(await world.refusal('schedule.pause', over)).toMatchObject({ code: 'invalid' });
});

test('a drain releases and an undrain takes up again; told to stop while NATS is away an agent does not wait for the ticks that came meanwhile, and loses none', async () => {
  const agent = await start('a');
  writeFileSync(join(world.source, 'file'), 'contents');
  await world.plan('docs', { placement: { agent: 'a' } });
  await put({ every: '1s' });
  await world.reached(id, ({ state }) => state === 'waiting', 'schedule');
  await world.ask('agent.drain', { agent: 'a' });
  await world.reached(id, ({ state }) => state === 'released', 'schedule');
  await world.ask('agent.undrain', { agent: 'a' });
  await ticked();
  await world.server.kill();
  await agent.told('nats.away');
  await new Promise(resolve => setTimeout(resolve, 1_100)); // a tick passes, which nothing announces
  const { status, tookMs } = await agent.terminate();
  expect(status).toBe(0);
  expect(tookMs).toBeLessThan(12_000);
  expect((await agent.told('agent.stopped')).tookMs).toBeLessThan(tookMs); // not since its start
  await world.server.restart();
  await start('a');
  await ticked();
  await world.ask('schedule.delete', { name: 'often' });
  await world.reached(id, ({ final }) => final, 'schedule');
  for (const { id: each } of await runsOf(world, 'backup', 'often')) await world.ending(each);
  expect(faultsOf(await fatesOf(world, 'often'), await runsOf(world, 'backup', 'often'), 1_000)).toEqual([]);
});
