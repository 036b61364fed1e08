/** A prune that is killed, and one that cannot go on: what it has condemned goes all the same, in the end. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { repetitions } from '../../support/repetitions.ts';
import { PruneWorld } from './prune-world.ts';

let pruning: PruneWorld;
beforeAll(async () => {
  pruning = await PruneWorld.open();
});
afterAll(() => pruning?.world.close());

const retention = { keepLast: 1 };

/** The first of the agent's, the second of the process that removes the files. */
const points = ['prune.condemning=kill@2', 'exec.slot-removed=kill@1', 'prune.removed=kill', 'prune.condemned=kill'];

test.each(points.slice(0, repetitions(4, 4)))('killed at %s, a prune goes on and ends right', async point => {
  const { world } = pruning;
  const plan = `at-${points.indexOf(point)}`;
  await pruning.plan(plan);
  const ids = await pruning.backups(plan, 3);
  await world.stopAgents();
  const dying = await pruning.runAgent(point);
  await pruning.plan(plan, { retention, retry: { attempts: 2, backoff: '1s..1s' } });
  const { id } = await world.ask('prune.start', { plan });
  if (point.startsWith('exec')) await world.reached(String(id), ({ state }) => state === 'retrying', 'prune');
  await (point.startsWith('exec') ? dying.kill() : dying.ended);
  await pruning.runAgent();
  expect(await world.ending(String(id), 'prune')).toMatchObject({ state: 'completed', context: { kept: [] } });
  expect(await pruning.catalogued(plan)).toEqual(ids.slice(-1));
  expect(pruning.files(plan)).toEqual(pruning.whole(...ids.slice(-1)));
  expect(world.workers()).toEqual([]);
});

test('killed with its agent at any moment, a prune ends right, and the newest backup is there all the time', async () => {
  const { world } = pruning;
  await pruning.plan('any');
  for (let round = 0; round < repetitions(40, 40); round += 1) {
    await pruning.plan('any');
    const newest = (await pruning.backups('any', 3)).slice(-1);
    await pruning.plan('any', { retention, retry: { attempts: 3, backoff: '50ms..50ms' } });
    const { id } = await world.ask('prune.start', { plan: 'any' });
    await setTimeout(Math.random() * 500);
    await eventually('no process left', () => {
      const left = world.processes();
      for (const { pid } of left) killIfThere(pid);
      return left.length === 0;
    });
    await world.stopAgents();
    expect(pruning.files('any')).toEqual(expect.arrayContaining(pruning.whole(...newest)));
    await pruning.runAgent();
    expect(await world.ending(String(id), 'prune')).toMatchObject({ state: 'completed', context: { kept: [] } });
    expect(await pruning.catalogued('any')).toEqual(newest);
    expect(pruning.files('any')).toEqual(pruning.whole(...newest));
    expect(world.workers()).toEqual([]);
  }
});

test('an agent that starts prunes what the one before it did not come to', async () => {
  await pruning.plan('late');
  const ids = await pruning.backups('late', 2);
  await pruning.plan('late', { retention });
  await pruning.world.stopAgents();
  await pruning.runAgent();
  expect(await pruning.prunes('late')).toMatchObject([{ state: 'completed' }]);
  expect(await pruning.catalogued('late')).toEqual(ids.slice(-1));
});

test('given up, a prune leaves what it condemned to the next one, and nobody can lock or restore that', async () => {
  const { world } = pruning;
  await pruning.plan('given-up');
  const [first, second, third] = await pruning.backups('given-up', 3);
  await pruning.plan('given-up', { retention });
  const [place, away] = ['given-up', 'elsewhere'].map(name => join(pruning.disk, 'dumps', name)) as [string, string];
  renameSync(place, away);
  expect(await pruning.prune('given-up')).toMatchObject({
    state: 'failed',
    context: { reason: 'repository-unreachable' },
  });
  renameSync(away, place);
  const deleting = (await pruning.rows('catalog.list', 'given-up')).filter(row => row.deleting).map(({ id }) => id);
  expect(deleting).toEqual([second, first]);
  const refused = { code: 'refused', message: `backup ${first} is being deleted` };
  expect(await world.refusal('backup.lock', { id: first })).toMatchObject(refused);
  expect(await world.refusal('restore.start', { backup: first, to: join(world.directory, 'to') })).toMatchObject(
    refused,
  );
  // Also when no rule lets it go any more.
  await pruning.plan('given-up');
  expect(await pruning.prune('given-up')).toMatchObject({ state: 'completed' });
  expect(pruning.files('given-up')).toEqual(pruning.whole(third));
});

/** One that has ended by itself since it was found is as good as killed. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
