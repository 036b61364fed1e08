/** A drill restores a backup into a scratch of its own, holds it against what was backed up, and leaves nothing. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeOddTree } from '../../engines/files/trees.ts';
import { eventually } from '../../support/eventually.ts';
import { withoutPowers } from '../../support/without-powers.ts';
import { statesOf, World } from '../../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const drill = async (input: object) => String((await world.ask('drill.start', input)).id);
const scratches = () => {
  const path = join(world.data, 'scratch');
  return existsSync(path) ? readdirSync(path) : [];
};
const entryOf = async (id: string) => {
  const { backups } = (await world.ask('catalog.list')) as unknown as { backups: Record<string, unknown>[] };
  return backups.find(backup => backup.id === id);
};

/** Turns one bit of the largest pack. */
function damage(): string {
  const packs = readdirSync(join(world.repository, 'packs'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
  const [pack = ''] = packs.sort((one, other) => statSync(other).size - statSync(one).size);
  const bytes = readFileSync(pack);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(pack, bytes);
  return pack.split('/').at(-1) ?? '';
}

test('a backup that comes back as it was is marked so, its plan too, and nothing of the drill is left', async () => {
  makeOddTree(world.source, 200_000);
  const agent = await world.runAgent();
  await world.plan('docs');
  const backup = await world.backUp('docs');
  expect(await entryOf(backup.id)).toMatchObject({ verifiedAt: null, lastVerifiedRestore: null });
  const id = await drill({ plan: 'docs' });
  const { files, bytes } = backup.context.result as { files: number; bytes: number };
  const record = await world.ending(id, 'drill');
  expect(record).toMatchObject({ state: 'completed', context: { kept: [], reason: null, result: { bytes } } });
  expect((record.context.result as { files: number }).files).toBe(files);
  expect(await agent.told('drill.ended')).toMatchObject({ id, plan: 'docs', backup: backup.id, ending: 'completed' });
  const { verifiedAt, lastVerifiedRestore } = (await entryOf(backup.id)) ?? {};
  expect(Date.parse(String(lastVerifiedRestore))).toBeGreaterThan(Date.parse(String(backup.at)));
  expect(verifiedAt).toBe(lastVerifiedRestore);
  expect(scratches()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
  expect((await world.ask('drill.list', { plan: 'docs' })).drills).toMatchObject([{ id, state: 'completed' }]);
});

test('directories that keep their own owner out come back, are looked into, and are removed', async ({ skip }) => {
  const under = withoutPowers();
  if (typeof under === 'string') return skip(under);
  const closed = join(world.source, 'closed');
  mkdirSync(join(closed, 'below'), { recursive: true });
  writeFileSync(join(closed, 'below', 'file'), 'x', { mode: 0o400 });
  for (const path of [join(closed, 'below'), closed]) chmodSync(path, 0o500);
  await world.runAgent({ under });
  await world.plan('docs');
  await world.backUp('docs');
  expect(await world.ending(await drill({ plan: 'docs' }), 'drill')).toMatchObject({
    state: 'completed',
    context: { kept: [], result: { files: 1 } },
  });
  expect(scratches()).toEqual([]);
});

test('a drill on a repository with one flipped bit fails, and names the file and the pack', async () => {
  world.fill(1, 300_000, 'large');
  world.fill(3, 2_000, 'small');
  const agent = await world.runAgent();
  await world.plan('docs');
  const { id: backup } = await world.backUp('docs');
  const pack = damage();
  const id = await drill({ backup });
  expect(await world.ending(id, 'drill')).toMatchObject({
    state: 'failed',
    reason: 'data-corrupt',
    context: { attempt: 1, kept: [], message: expect.stringMatching(`large-0 .* chunk .* pack ${pack}`) },
  });
  expect(await agent.told('drill.ended')).toMatchObject({ ending: 'failed', reason: 'data-corrupt' });
  expect(await entryOf(backup)).toMatchObject({ verifiedAt: null, lastVerifiedRestore: null });
  expect(scratches()).toEqual([]);
});

test('a drill that is cancelled, or killed with its agent and its runner, leaves nothing, and the last one still completes', async () => {
  world.fill(4, 30_000_000);
  const agent = await world.runAgent();
  await world.plan('docs');
  await world.backUp('docs');
  const cancelled = await drill({ plan: 'docs' });
  await world.reached(cancelled, ({ state }) => state === 'transferring', 'drill');
  await eventually('a file in the scratch', () =>
    readdirSync(world.data, { recursive: true }).join().includes('fill-0'),
  );
  await world.ask('drill.cancel', { id: cancelled });
  expect(await world.ending(cancelled, 'drill')).toMatchObject({ state: 'cancelled', context: { kept: [] } });
  expect(scratches()).toEqual([]);

  const killed = await drill({ plan: 'docs' });
  await eventually('a file in the scratch', () =>
    readdirSync(world.data, { recursive: true }).join().includes('fill-0'),
  );
  await agent.kill();
  for (const { pid } of world.workers()) process.kill(pid, 'SIGKILL');
  await world.runAgent();
  const record = await world.ending(killed, 'drill');
  expect(record).toMatchObject({ state: 'completed', context: { kept: [] } });
  expect(statesOf(await world.history(killed, 'drill'))).not.toContain('failed');
  expect(scratches()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
});

test('an agent that is back follows the comparison that it left, and restores nothing again; another attempt begins anew', async () => {
  world.fill(2, 50_000);
  const env = { REEVE_FAILPOINTS: 'restored.check-begun=stop@1' };
  const agent = await world.runAgent({ env });
  await world.plan('docs', { retry: { attempts: 2, backoff: '50ms..50ms' } });
  await world.backUp('docs');
  const id = await drill({ plan: 'docs' });
  const { pid } = await world.stoppedEngine();
  const tree = join(world.data, 'scratch', id, 'tree');
  const restoredAt = statSync(tree).ctimeMs;
  await agent.kill();
  const next = await world.runAgent({ env });
  await next.told('engine.reattached', ({ found }) => found === 'alive');
  expect((await world.stoppedEngine()).pid).toBe(pid);
  expect(statSync(tree).ctimeMs).toBe(restoredAt);
  process.kill(pid, 'SIGKILL');
  const again = await eventually('the next attempt at its comparison', async () => {
    const stopped = await world.stoppedEngine();
    return stopped.pid !== pid && stopped;
  });
  expect(statSync(tree).ctimeMs).toBeGreaterThan(restoredAt);
  process.kill(again.pid, 'SIGCONT');
  expect(await world.ending(id, 'drill')).toMatchObject({ state: 'completed', context: { attempt: 2, kept: [] } });
  expect(scratches()).toEqual([]);
});
