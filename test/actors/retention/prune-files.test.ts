/** The retention of plans of the built-in engine: it shares one repository, and a lost source pushes nothing out. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeTree } from '../../engines/files/trees.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
  await world.runAgent();
});
afterAll(() => world?.close());

async function pruned(plan: string, count: number): Promise<void> {
  const ids = await eventually(`${count} prunes`, async () => {
    const { prunes } = (await world.ask('prune.list', { plan })) as unknown as { prunes: { id: string }[] };
    return prunes.length >= count && prunes.map(({ id }) => id);
  });
  for (const id of ids)
    expect(await world.ending(id, 'prune')).toMatchObject({ state: 'completed', context: { kept: [] } });
}

test('an unmounted source makes a partial backup and the full one stays; the next full one lets both go', async () => {
  world.fill(5, 100_000);
  await world.plan('other');
  const other = await world.backUp('other');
  await world.plan('docs', { retention: { keepLast: 1 } });
  const full = await world.backUp('docs');
  const [source, away] = [world.source, `${world.source}-away`];
  renameSync(source, away);
  mkdirSync(source);
  const partial = await world.backUp('docs');
  expect(partial).toMatchObject({ state: 'partial', context: { reason: 'source-shrunk' } });
  expect((await world.listed()).sort()).toEqual([full.id, other.id, partial.id].sort());
  rmSync(source, { recursive: true });
  renameSync(away, source);
  rmSync(join(source, 'fill-0'));
  world.fill(1, 50_000, 'new');
  const tree = describeTree(source);
  const next = await world.backUp('docs');
  await pruned('docs', 1);
  expect((await world.listed()).sort()).toEqual([next.id, other.id].sort());
  expect((await world.catalogued()).sort()).toEqual([next.id, other.id].sort());
  const to = join(world.directory, 'restored');
  expect(
    await world.ending(String((await world.ask('restore.start', { backup: next.id, to })).id), 'restore'),
  ).toMatchObject({ state: 'completed' });
  expect(describeTree(to)).toEqual(tree);
  for (const backup of [next.id, other.id]) {
    const { id } = await world.ask('verify.start', { backup });
    expect(await world.ending(String(id), 'verify')).toMatchObject({ state: 'completed' });
  }
});
