/**
 * An agent whose own data lie on a small file system that is full: it is said, and nothing is lost. What Node keeps of
 * compiled code takes a megabyte of it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
let refused: string | undefined;

beforeEach(async () => {
  world = await World.open();
  world.fill(2, 50_000);
  mkdirSync(world.data);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', world.data], { stdio: 'pipe' });
    world.onClose(() => execFileSync('umount', [world.data]));
  } catch (error) {
    refused = String(error);
    if (process.env.CI) throw new Error(`CI must run this test: ${refused}`);
    process.stderr.write(`SKIPPED: no small file system: ${refused}\n`);
  }
});
afterEach(() => world?.close());

/** Takes all that is left of the agent's disk. */
function fill(): void {
  try {
    writeFileSync(join(world.data, 'fill'), Buffer.alloc(2 ** 23));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function makeRoom(): void {
  rmSync(join(world.data, 'fill'));
}

test('a run that meets it says so, tries again, and completes once there is room', async context => {
  if (refused) return context.skip();
  await world.runAgent();
  await world.plan('docs', { retry: { attempts: 50, backoff: '200ms..500ms' } });
  fill();
  const id = await world.start('docs');
  const met = await world.reached(id, ({ state }) => state === 'retrying');
  expect(met).toMatchObject({ reason: 'agent-disk-full', context: { failure: { kind: 'transient' } } });
  expect(met.context.message).toContain("the disk of the agent's own data is full: ENOSPC");
  expect(met.context.hint).toContain('make room');
  makeRoom();
  expect(await world.ending(id)).toMatchObject({ state: 'completed', reason: null });
  expect(await world.catalogued()).toEqual([id]);
});

test('a run whose agent cannot write its own data says so, and completes once it can', async context => {
  if (refused) return context.skip();
  await world.runAgent();
  await world.plan('docs', { retry: { attempts: 50, backoff: '200ms..500ms' } });
  execFileSync('mount', ['-o', 'remount,ro', world.data]);
  const id = await world.start('docs');
  const met = await world.reached(id, ({ state }) => state === 'retrying');
  expect(met).toMatchObject({ reason: 'agent-disk-full', context: { failure: { kind: 'transient' } } });
  expect(met.context.message).toContain("the agent's own data cannot be written: ");
  expect(met.context.hint).toContain('mounted read-only');
  execFileSync('mount', ['-o', 'remount,rw', world.data]);
  expect(await world.ending(id)).toMatchObject({ state: 'completed', reason: null });
});

test('a run that is out of attempts fails with it, and is listed nowhere', async context => {
  if (refused) return context.skip();
  await world.runAgent();
  await world.plan('docs', { retry: { attempts: 2, backoff: '100ms..100ms' } });
  fill();
  const id = await world.start('docs');
  // It fails for good; what decides its commit slot waits for room, so that nothing of it stays open.
  await world.reached(id, ({ state, context }) => state.startsWith('cleaning') || context.ending === 'failed');
  makeRoom();
  expect(await world.ending(id)).toMatchObject({
    state: 'failed',
    reason: 'agent-disk-full',
    context: { attempt: 2, slot: 'void' },
  });
  expect(await world.catalogued()).toEqual([]);
  expect(await world.listed()).toEqual([]);
});

test('with NATS away too, steps wait for the one or the other, and the history has no hole', async context => {
  if (refused) return context.skip();
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  await world.plan('docs');
  const id = await world.start('docs');
  const { pid } = await world.stoppedEngine();
  await world.server.kill();
  await agent.told('nats.away');
  fill();
  process.kill(pid, 'SIGCONT');
  const line = await agent.told('agent.disk-full');
  expect(line).toMatchObject({ where: 'journal', message: expect.stringContaining('ENOSPC') });
  await world.server.restart();
  makeRoom();
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history)).toContain('committing');
  expect(agent.log.filter(({ fact }) => fact === 'defect')).toEqual([]);
});
