/** Two processes under one agent's name. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellMeasured } from '../support/measured.ts';
import { World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 1_000);
});
afterEach(() => world?.close());

test('a second agent of a name ends with 1 and names the first, which goes on', async () => {
  const first = await world.runAgent();
  const data = join(world.directory, 'other-data');
  mkdirSync(data);
  const second = await world.startAgent({ data }).ended;
  expect(second.status).toBe(1);
  expect(second.stderr).toContain(`an agent named here is there already: process ${first.pid} on host`);
  expect(second.stderr).toContain('give this one another name');
  await world.plan('docs');
  expect(await world.backUp('docs')).toMatchObject({ state: 'completed', owner: { agent: 'here' } });
  expect((await world.ask('agent.list')).agents).toMatchObject([{ name: 'here', mode: 'running' }]);
  expect(first.log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
});

test('a new agent takes the name of one that was killed on this host at once', async () => {
  const first = await world.runAgent();
  await world.plan('docs');
  await first.kill();
  const began = performance.now();
  const second = await world.runAgent();
  const tookMs = performance.now() - began;
  tellMeasured('start of an agent after the SIGKILL of the one before', tookMs);
  // Far below the lease of 15 s.
  expect(tookMs).toBeLessThan(8_000);
  expect(await world.backUp('docs')).toMatchObject({ state: 'completed' });
  expect(second.log.some(({ fact }) => fact === 'agent.started')).toBe(true);
});
