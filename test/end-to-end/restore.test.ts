/** Restore and verify by command. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeTree, makeOddTree } from '../engines/files/trees.ts';
import { type HistoryRecord, World } from '../support/world.ts';

let world: World;
let restores: string;
let backup: HistoryRecord;

beforeEach(async () => {
  world = await World.open();
  makeOddTree(world.source, 2_000_000);
  restores = join(world.directory, 'restores');
  mkdirSync(restores);
  const config = join(world.directory, 'agent.yaml');
  const allow = { read: [world.source], repositories: [world.repository], restore: [restores] };
  writeFileSync(config, JSON.stringify({ kind: 'Agent', name: 'here', data: world.data, allow }));
  await world.runAgent({ config });
  await world.plan('docs');
  backup = await world.backUp('docs');
});
afterEach(() => world?.close());

async function restore(input: object): Promise<HistoryRecord> {
  const { id } = await world.ask('restore.start', input);
  return await world.ending(String(id), 'restore');
}

test('a restore into a new directory equals the source', async () => {
  expect(backup.state).toBe('completed');
  const to = join(restores, 'new');
  const { state, context } = await restore({ plan: 'docs', to });
  expect({ state, reason: context.reason }).toEqual({ state: 'completed', reason: null });
  expect(describeTree(to)).toEqual(describeTree(world.source));
});

test('a restore into a directory with something in it fails, says why, and touches nothing', async () => {
  const to = join(restores, 'taken');
  mkdirSync(to);
  writeFileSync(join(to, 'mine'), 'mine');
  const { state, context } = await restore({ backup: backup.id, to });
  expect(state).toBe('failed');
  expect(context.message).toContain(to);
  expect(context.hint).not.toBe('');
  expect(readdirSync(to)).toEqual(['mine']);
});

test('a restore to where the agent allows none is refused, also by a path that leads there', async () => {
  for (const to of [join(world.directory, 'elsewhere'), `${restores}/../elsewhere`, `${restores}-not`]) {
    const { code, hint } = await world.refusal('restore.start', { plan: 'docs', to });
    expect(['refused', 'invalid']).toContain(code);
    expect(hint).not.toBe('');
  }
  expect(readdirSync(world.directory)).not.toContain('elsewhere');
  expect((await world.ask('restore.list')).restores).toEqual([]);
});

test('a verify marks the backup as verified, and one that finds damage fails and does not', async () => {
  const entry = async () => ((await world.ask('catalog.list')).backups as Record<string, unknown>[])[0];
  expect(await entry()).toMatchObject({ id: backup.id, verifiedAt: null });
  const first = await world.ending(String((await world.ask('verify.start', { plan: 'docs' })).id), 'verify');
  expect(first).toMatchObject({ state: 'completed' });
  const verified = await entry();
  expect(Date.parse(String(verified?.verifiedAt))).toBeGreaterThan(Date.parse(backup.at));

  const packs = join(world.repository, 'packs');
  const [some = ''] = readdirSync(packs);
  rmSync(join(packs, some), { recursive: true });
  const second = await world.ending(String((await world.ask('verify.start', { backup: backup.id })).id), 'verify');
  expect(second).toMatchObject({ state: 'failed', context: { reason: 'data-corrupt' } });
  expect(await entry()).toMatchObject({ verifiedAt: verified?.verifiedAt });
});
