/** A repository on a small file system that is low, and then full. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { noise } from '../../engines/files/trees.ts';
import { World } from '../../support/world.ts';

const mebibyte = 2 ** 20;
let world: World;
let disk: string;
let refused: string | undefined;

beforeEach(async () => {
  world = await World.open();
  world.fill(2, 10_000);
  disk = join(world.directory, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk], { stdio: 'pipe' });
    world.onClose(() => execFileSync('umount', [disk]));
  } catch (error) {
    refused = String(error);
    if (process.env.CI) throw new Error(`CI must run this test: ${refused}`);
    process.stderr.write(`SKIPPED: no small file system: ${refused}\n`);
  }
});
afterEach(() => world?.close());

async function runAgent(minFree: string) {
  const config = join(world.directory, 'agent.yaml');
  const repositories = { nas: { type: 'files', path: join(disk, 'repository'), minFree } };
  const limits = { runs: 1 };
  writeFileSync(config, stringify({ kind: 'Agent', name: 'here', data: world.data, repositories, limits }));
  return await world.runAgent({ config });
}

test("a run waits while its repository is low, visibly and in nobody else's way, and goes on by itself", async context => {
  if (refused) return context.skip();
  const agent = await runAgent('8MiB');
  await world.plan('docs', { repository: 'nas' });
  await world.plan('elsewhere');
  writeFileSync(join(disk, 'other'), Buffer.alloc(10 * mebibyte, 1));
  const id = await world.start('docs');
  const low = await world.reached(id, ({ reason }) => reason === 'repository-low');
  expect(low).toMatchObject({ state: 'pending', context: { attempt: 1, admitted: false, failure: null } });
  expect(low.context.message).toMatch(/^the repository \S+ has 6\.0 MiB free, and runs start from 8\.0 MiB on$/);
  expect((await world.ask('actor.list', { reason: 'repository-low' })).actors).toMatchObject([{ id }]);
  expect((await world.ask('queue.list')).queued).toMatchObject([{ id, position: 1, waitsFor: low.context.message }]);
  expect((await world.ask('actor.explain', { kind: 'backup', id })).why).toContain('6.0 MiB free');
  expect(await world.backUp('elsewhere')).toMatchObject({ state: 'completed' });
  await agent.kill();
  await runAgent('8MiB');
  expect(await world.record(id)).toMatchObject({ state: 'pending', reason: 'repository-low' });
  rmSync(join(disk, 'other'));
  expect(await world.ending(id)).toMatchObject({ state: 'completed', reason: null, context: { attempt: 1 } });
  const history = await world.history(id);
  expect(history.filter(({ event }) => event === 'turn.obstructed').length).toBeLessThanOrEqual(2);
});

test('a run that waits for room can be cancelled', async context => {
  if (refused) return context.skip();
  await runAgent('20MiB');
  await world.plan('docs', { repository: 'nas' });
  const id = await world.start('docs');
  await world.reached(id, ({ reason }) => reason === 'repository-low');
  await world.ask('backup.cancel', { id });
  expect(await world.ending(id)).toMatchObject({ state: 'cancelled', reason: 'user-cancelled' });
});

test('a repository that is full fails the run at its first attempt, and the next one completes once there is room', async context => {
  if (refused) return context.skip();
  await runAgent('1MiB');
  for (let index = 0; index < 5; index += 1)
    writeFileSync(join(world.source, `large-${index}`), noise(4 * mebibyte, `large ${index}`));
  await world.plan('docs', { repository: 'nas' });
  expect(await world.backUp('docs')).toMatchObject({
    state: 'failed',
    reason: 'repository-full',
    context: { attempt: 1, failure: { kind: 'permanent' } },
  });
  // What it had stored is kept, so the disk may be low now: the next one waits for room as any other.
  const id = await world.start('docs');
  execFileSync('mount', ['-o', 'remount,size=48m', disk]);
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { attempt: 1 } });
});
