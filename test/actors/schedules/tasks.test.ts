/** Schedules of what is not a backup: drills and prunes, by the same ticks. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { World } from '../../support/world.ts';
import { fatesOf, untilRan } from './ticks.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 5_000);
});
afterEach(() => world?.close());

test('a drill tries the newest backup, and a prune keeps what the retention says; without either a tick says why', async () => {
  await world.runAgent();
  await world.plan('docs', { retention: { keepLast: 1 } });
  await world.plan('bare');
  const { id } = await world.backUp('docs');
  for (const task of ['drill', 'prune'])
    for (const plan of ['docs', 'bare'])
      await world.ask('schedule.put', { name: `${task}-${plan}`, plan, task, every: '1s' });
  const since = Date.now();
  await Promise.all([untilRan(world, 'drill', ['docs'], since), untilRan(world, 'prune', ['docs'], since)]);
  expect((await world.ask('catalog.list')).backups).toMatchObject([{ id, lastVerifiedRestore: expect.any(String) }]);
  for (const [task, why] of [
    ['drill', 'plan bare has no backup yet'],
    ['prune', 'plan bare has no retention'],
  ]) {
    const [first] = await fatesOf(world, `${task}-bare`);
    expect(first).toMatchObject({ fate: 'missed', run: null, reason: expect.stringContaining(why ?? '') });
  }
});
