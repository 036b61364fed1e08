/** The end of an agent by a signal, NATS being there. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellMeasured } from '../support/measured.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const suspended = ['pending', 'preparing', 'transferring', 'draining.suspending', 'suspended', 'preparing'];

test('SIGTERM ends an agent with 0, suspends its backup, leaves no process, and the backup goes on at the next start', async () => {
  world.fill(40, 4_000_000);
  const agent = await world.runAgent();
  await world.plan('docs');
  const id = await world.start('docs');
  await world.moving(id);
  const { status, tookMs, stderr } = await agent.terminate();
  tellMeasured('SIGTERM with a backup running, to the exit', tookMs);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(tookMs).toBeLessThan(10_000);
  expect(world.processes()).toEqual([]);

  await world.runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed', reason: null });
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history).slice(0, 6)).toEqual(suspended);
  expect(history.find(({ state }) => state === 'draining.suspending')).toMatchObject({ event: 'run.drain' });
  expect(history.find(({ state }) => state === 'suspended')?.context).toMatchObject({ suspendedBy: 'drain' });
  expect(await world.catalogued()).toEqual([id]);
});

test('SIGTERM ends an agent with 0 whose engine is stopped, and leaves no process', async () => {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'chunk.before-rename=stop@5' } });
  await world.plan('docs');
  const id = await world.start('docs');
  await world.stoppedEngine();
  const { status, tookMs } = await agent.terminate();
  tellMeasured('SIGTERM with a stopped engine, to the exit', tookMs);
  expect(status).toBe(0);
  expect(tookMs).toBeLessThan(20_000);
  expect(world.processes()).toEqual([]);

  await world.runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  expect(statesOf(await world.history(id)).slice(0, 6)).toEqual(suspended);
});
