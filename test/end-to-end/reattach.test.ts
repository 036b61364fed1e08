/** An engine goes on while its agent is dead, and the next agent takes up what it left. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(40, 10_000_000);
});
afterEach(() => world?.close());

async function movingBackup() {
  const agent = await world.runAgent();
  await world.plan('docs');
  const id = await world.start('docs');
  await world.moving(id);
  const [engine] = world.engines();
  if (!engine) throw new Error('it has no engine');
  return { agent, id, engine };
}

async function expectCompletedAtOnce(id: string): Promise<void> {
  const { state, context } = await world.ending(id);
  expect({ state, attempt: context.attempt }).toEqual({ state: 'completed', attempt: 1 });
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history)).not.toContain('retrying');
  await eventually('nothing of the run is left', () => world.engines().length === 0);
  expect(world.runDirectories()).toEqual([]);
  expect(world.temporary()).toEqual([]);
}

test('an agent that was killed in the middle of a transfer follows the same process when it is back', async () => {
  const { agent, id, engine } = await movingBackup();
  await agent.kill();
  await world.runAgent();
  await eventually('its progress is told', async () => {
    const { context } = await world.record(id);
    return (context.progress as { bytesDone: number | null }).bytesDone !== null;
  });
  expect(world.engines().map(({ pid }) => pid)).toEqual([engine.pid]);
  await expectCompletedAtOnce(id);
});

test('what ended while its agent was away is taken when it is back, and not done again', async () => {
  const { agent, id } = await movingBackup();
  await agent.kill();
  await eventually('the engine ended', () => world.engines().length === 0, 30_000);
  await sleep(200);
  const next = await world.runAgent();
  await expectCompletedAtOnce(id);
  expect(next.log.filter(({ fact }) => fact === 'defect')).toEqual([]);
});
