/** Clocks that are wrong and are put right: an agent neither runs the ticks of another day nor goes silent. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { ScheduleContext } from '../../../src/domain/schedule-context.ts';
import { FakeTime, hasFaketime } from '../../support/faketime.ts';
import { tellMeasured } from '../../support/measured.ts';
import { World } from '../../support/world.ts';
import { Mortal, newWorld } from './mortal.ts';
import { fatesOf, faultsOf, runsOf, tickOf, untilRan } from './ticks.ts';

const [hourMs, dayMs] = [3_600_000, 86_400_000];

describe.skipIf(!hasFaketime())('an agent whose clock', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world?.close());

  test('is a day ahead, is put right, and is set ahead again runs the ticks of the right time all along', async () => {
    const time = new FakeTime(world.directory);
    time.set('+1d');
    const since = Date.now();
    await world.runAgent({ env: time.env });
    writeFileSync(join(world.source, 'file'), 'contents');
    await world.plan('docs', {});
    await world.ask('schedule.put', { name: 'often', plan: 'docs', task: 'backup', every: '1s' });
    for (const offset of ['+1d', '+0', '-1d']) {
      time.set(offset);
      const from = Date.now();
      await untilRan(world, 'backup', ['docs'], from);
      tellMeasured(`a run of the next tick by a clock that was set ${offset}`, Date.now() - from);
    }
    await world.ask('schedule.delete', { name: 'often' });
    await world.reached('often--docs', ({ final }) => final, 'schedule');
    const [fates, runs] = [await fatesOf(world, 'often'), await runsOf(world, 'backup', 'often')];
    expect(faultsOf(fates, runs, 1_000)).toEqual([]);
    for (const { tick } of fates) {
      expect(Date.parse(tick)).toBeGreaterThanOrEqual(since);
      expect(Date.parse(tick)).toBeLessThanOrEqual(Date.now() + 1_000);
    }
  });
});

test('a cluster whose own time was a day ahead goes on at once when it is right again, and runs no tick a second time', async () => {
  const document: Schedule = { name: 'often', plan: 'docs', task: 'backup', every: '1h', onMissed: 'run-all' };
  const world = newWorld();
  const { clock, store } = world.host;
  const startedAt = clock.now();
  const { runtime } = new Mortal(world, 'first', Number.POSITIVE_INFINITY);
  await runtime.start('schedule', 'often--docs', { input: { document, plan: 'docs', revision: 1 } });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += hourMs / 4) {
      await clock.advance(hourMs / 4);
      for (let turn = 0; turn < 12; turn += 1) await new Promise(resolve => setImmediate(resolve));
      for await (const { record, revision } of store.list('backup'))
        if (!record.final) {
          const write = { incarnation: 'the runs', n: revision };
          await store.append({ ...record, state: 'completed', final: true, after: revision, write });
        }
    }
  };
  const runs = async () => {
    const ids: string[] = [];
    for await (const { record } of store.list('backup')) ids.push(record.id);
    return ids.sort();
  };
  await pass(2 * hourMs);
  clock.jump(clock.now() + dayMs);
  await pass(2 * hourMs);
  const early = await runs();
  clock.jump(clock.now() - dayMs);
  runtime.tell('schedule', 'often--docs', { type: 'agent.returned' }); // as an agent does whose clock goes back
  await pass(2 * hourMs);
  const late = await runs();
  const afterwards = late.map(tickOf).filter(tick => tick <= clock.now());
  expect(afterwards.length).toBeGreaterThan(4);
  await pass(dayMs + 4 * hourMs);
  const { context } = (await store.read('schedule', 'often--docs'))?.record ?? {};
  expect((context as unknown as ScheduleContext).tickedThrough).toBeGreaterThan(clock.now() - hourMs);
  const ran = (await runs()).map(tickOf);
  expect(new Set(ran).size).toBe(ran.length);
  for (const id of early) expect(await runs()).toContain(id);
  const told = new Map(world.fates.map(fate => [Date.parse(fate.tick), fate.fate]));
  for (let tick = startedAt + hourMs; tick < clock.now() - hourMs; tick += hourMs) expect(told.get(tick)).toBe('ran');
});
