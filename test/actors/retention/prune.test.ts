/** Prunes, locks and deletions by a real agent, on backups that a command of its file makes. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { repetitions } from '../../support/repetitions.ts';
import { statesOf, type World } from '../../support/world.ts';
import { PruneWorld } from './prune-world.ts';

let pruning: PruneWorld;
let world: World;
beforeAll(async () => {
  pruning = await PruneWorld.open();
  world = pruning.world;
});
afterAll(() => world?.close());

test('a dry run tells what stays and what goes, with reasons; a prune by hand removes exactly that', async () => {
  await pruning.plan('docs');
  expect(await world.refusal('prune.start', { plan: 'docs' })).toMatchObject({
    code: 'refused',
    message: 'plan docs has no retention: none of its backups goes',
  });
  const [first = '', second = '', third = '', fourth = ''] = await pruning.backups('docs', 4);
  await world.ask('backup.lock', { id: first, until: '1d', note: 'for the audit' });
  await pruning.plan('docs', { retention: { keepLast: 1, minimumRedundancy: 2 } });
  const { keep, remove } = await pruning.preview('docs');
  expect(keep.map(({ id, reasons }) => [id, reasons])).toEqual([
    [fourth, ['newest complete backup', 'last 1']],
    [first, [expect.stringMatching(/^locked until 20\d\d-.*Z: for the audit$/)]],
  ]);
  expect(remove.map(({ id, reasons }) => [id, reasons])).toEqual([
    [third, ['no rule keeps it']],
    [second, ['no rule keeps it']],
  ]);
  expect(await pruning.rows('prune.list', 'docs')).toEqual([]);

  const asked = { plan: 'docs', note: 'by hand', requestId: 'once' };
  const { id } = await world.ask('prune.start', asked);
  expect(await world.ask('prune.start', asked)).toMatchObject({ id });
  const prune = await world.ending(String(id), 'prune');
  expect(prune).toMatchObject({
    state: 'completed',
    context: { message: `removed 2 backups: ${third}, ${second}`, slot: 'none', kept: [], result: { bytes: 6_000 } },
  });
  const states = ['pending', 'preparing', 'transferring', 'cleaning.removing', 'completed'];
  expect(statesOf(await world.history(prune.id, 'prune'))).toEqual(states);
  expect(pruning.files('docs')).toEqual(pruning.whole(first, fourth));
  expect(await pruning.catalogued('docs')).toEqual([fourth, first]);
  const listed = await pruning.rows('backup.list', 'docs');
  expect(listed.map(row => [row.id, row.deletedAt === null])).toEqual([
    ...[fourth].map(each => [each, true]),
    ...[third, second].map(each => [each, false]),
    ...[first].map(each => [each, true]),
  ]);
  for (const command of ['backup.lock', 'backup.unlock', 'backup.delete'])
    expect(await world.refusal(command, { id: third })).toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(`backup ${third} was deleted at 20.*Z`),
    });
  const restore = { backup: third, to: join(world.directory, 'to') };
  expect(await world.refusal('restore.start', restore)).toMatchObject({ code: 'not-found' });
  expect(world.runDirectories()).toEqual([]);
});

test('after a backup its plan is pruned, once, where something goes; another repository is left alone', async () => {
  await pruning.plan('after', { repository: 'other' });
  const [elsewhere] = await pruning.backups('after', 1);
  await pruning.plan('after', { retention: { keepLast: 1 } });
  const [first] = await pruning.backups('after', 1);
  expect(await pruning.rows('prune.list', 'after')).toEqual([]);
  const [second] = await pruning.backups('after', 1);
  const [prune] = await pruning.prunes('after');
  expect(prune?.context.message).toBe(`removed 1 backup: ${first}`);
  expect(await pruning.catalogued('after')).toEqual([second, elsewhere]);
  expect((await pruning.preview('after')).keep[1]).toMatchObject({
    id: elsewhere,
    reasons: ["it lies in the repository other, which is not the plan's any more"],
  });
  // By its id it goes from where it lies.
  await world.ask('backup.delete', { id: elsewhere });
  await pruning.prunes('after', 2);
  expect(pruning.files('after', 'other')).toEqual([]);
  expect(await pruning.catalogued('after')).toEqual([second]);
});

test('a lock holds until it is over or taken away; a locked backup cannot be deleted, and says so', async () => {
  await pruning.plan('locks');
  const [first = '', second = ''] = await pruning.backups('locks', 2);
  const locked = async () =>
    (await pruning.rows('catalog.list', 'locks')).filter(row => row.locked).map(({ id }) => id);
  await world.ask('backup.lock', { id: first, note: 'mine', requestId: 'lock-1' });
  expect(await locked()).toEqual([first]);
  expect(await world.refusal('backup.delete', { id: first })).toMatchObject({
    code: 'refused',
    message: `backup ${first} cannot be deleted: it is locked: mine`,
    hint: `unlock it with: reeve unlock ${first}`,
  });
  await world.ask('backup.unlock', { id: first });
  // A repeat does nothing to what came since.
  expect(await world.ask('backup.lock', { id: first, note: 'mine', requestId: 'lock-1' })).toEqual({ ok: true });
  expect(await locked()).toEqual([]);
  await world.ask('backup.lock', { id: first, until: '500ms' });
  expect(await locked()).toEqual([first]);
  await eventually('the lock over', async () => (await locked()).length === 0);
  const past = { id: first, until: '2001-01-01T00:00:00Z' };
  expect(await world.refusal('backup.lock', past)).toMatchObject({ code: 'invalid' });
  expect(await world.ask('backup.delete', { id: first, requestId: 'delete-1' })).toEqual({ ok: true });
  await eventually('it is deleted', async () => (await pruning.catalogued('locks')).length === 1);
  expect(await world.ask('backup.delete', { id: first, requestId: 'delete-1' })).toEqual({ ok: true });
  expect(await pruning.prunes('locks')).toHaveLength(1);
  // A person may delete also the last one, and the backup of a plan that is gone; no rule may.
  await world.ask('plan.delete', { name: 'locks', keepBackups: true });
  expect(await world.ask('backup.delete', { id: second })).toEqual({ ok: true });
  await eventually('it is deleted, too', async () => !(await world.catalogued()).includes(second));
  expect(pruning.files('locks')).toEqual([]);
});

test('of a lock and a deletion at the same moment one wins, and the other is told so; nothing is half', async () => {
  await pruning.plan('race');
  const ids = await Promise.all(Array.from({ length: repetitions(60) }, async () => (await world.backUp('race')).id));
  const answerOf = (command: string, id: string) =>
    world.ask(command, { id }).then(
      () => 'accepted',
      error => String(error.code),
    );
  const isGoing = async (id: string) => {
    const row = (await pruning.rows('catalog.list', 'race')).find(each => each.id === id);
    return row === undefined || row.deleting;
  };
  const locks = await Promise.all(
    ids.map(async (id, index) => {
      const erased = answerOf('backup.delete', id);
      if (index % 3 > 0) await erased;
      if (index % 3 === 2) await eventually('it is condemned', async () => await isGoing(id));
      const [lock] = await Promise.all([answerOf('backup.lock', id), erased]);
      return { id, lock };
    }),
  );
  expect(new Set(locks.map(({ lock }) => lock === 'accepted')).size).toBe(2);
  await pruning.prunes('race', 0);
  const left = await pruning.rows('catalog.list', 'race');
  for (const { id, lock } of locks) {
    const row = left.find(each => each.id === id);
    if (lock === 'accepted') expect(row).toMatchObject({ locked: true, deleting: false });
    else expect([lock, row]).toEqual([expect.stringMatching(/^(refused|not-found)$/), undefined]);
  }
  expect(pruning.files('race')).toEqual(pruning.whole(...left.map(({ id }) => id)));
});

test('two prunes of one plan run one after the other, and the second finds nothing to do', async () => {
  await pruning.plan('twice');
  const [first, second] = await pruning.backups('twice', 2);
  await pruning.plan('twice', { retention: { keepLast: 1 } });
  const ended = await Promise.all([pruning.prune('twice'), pruning.prune('twice')]);
  expect(ended.map(({ state, context }) => [state, context.message]).sort()).toEqual([
    ['completed', 'no backup was to be removed'],
    ['completed', `removed 1 backup: ${first}`],
  ]);
  expect(await pruning.catalogued('twice')).toEqual([second]);
});

test('a source that is unmounted under keepLast 1 makes a partial backup, and the full one stays', async () => {
  await pruning.plan('shrunk', { retention: { keepLast: 1 } });
  const [full] = await pruning.backups('shrunk', 1);
  renameSync(world.source, `${world.source}-away`);
  mkdirSync(world.source);
  const partial = await world.backUp('shrunk');
  expect(partial).toMatchObject({ state: 'partial', context: { reason: 'source-shrunk' } });
  const words = `retention stands still: the source had shrunk in backup ${partial.id}`;
  expect(await pruning.preview('shrunk')).toMatchObject({
    keep: [
      { id: partial.id, reasons: ['newest backup', words] },
      { id: full, reasons: ['newest complete backup', words] },
    ],
    remove: [],
  });
  expect(await pruning.prune('shrunk')).toMatchObject({ state: 'completed' });
  expect(await pruning.catalogued('shrunk')).toEqual([partial.id, full]);
  rmSync(world.source, { recursive: true });
  renameSync(`${world.source}-away`, world.source);
  const next = await pruning.backups('shrunk', 1);
  await pruning.prunes('shrunk', 2);
  expect(await pruning.catalogued('shrunk')).toEqual(next);
});

test('a repository that is away in the middle of a run, under keepLast 1, costs that run and no backup', async () => {
  const engine = { type: 'exec', use: 'waits' };
  await pruning.plan('away', { engine, retention: { keepLast: 1 }, retry: { attempts: 2, backoff: '50ms..50ms' } });
  const before = await pruning.backups('away', 1);
  writeFileSync(pruning.mark, '');
  const id = await world.start('away');
  await eventually('the copy', () => existsSync(join(pruning.disk, 'dumps', 'away', id, 'fill-0')));
  renameSync(pruning.disk, `${pruning.disk}-away`);
  rmSync(pruning.mark);
  const lost = {
    state: 'failed',
    context: { reason: expect.stringMatching(/^(engine-failed|repository-unreachable)$/) },
  };
  expect(await world.ending(id)).toMatchObject(lost);
  expect(await world.backUp('away')).toMatchObject({ state: 'failed', context: { reason: 'repository-unreachable' } });
  expect(await pruning.catalogued('away')).toEqual(before);
  renameSync(`${pruning.disk}-away`, pruning.disk);
  expect(pruning.files('away')).toEqual(expect.arrayContaining(pruning.whole(...before)));
  const after = await pruning.backups('away', 1);
  await pruning.prunes('away');
  expect(await pruning.catalogued('away')).toEqual(after);
});
