import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CatalogEntry } from '../../src/domain/catalog.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { NatsCatalog } from '../../src/nats/catalog-store.ts';
import { NatsPlanStore } from '../../src/nats/plan-store.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

let store: NatsStore;
let plans: NatsPlanStore;
let catalog: NatsCatalog;
beforeAll(async () => {
  store = await openNatsStore();
  plans = new NatsPlanStore(store.link, store.names);
  catalog = new NatsCatalog(store.link, store.names);
});
afterAll(() => store.close());

function plan(name: string, path = '/srv'): Plan {
  return { name, engine: { type: 'files', path }, repository: { path: '/backups' } };
}

test('a plan counts its revisions, and the same document again changes nothing', async () => {
  expect(await plans.get('counted')).toBeUndefined();
  expect(await plans.put(plan('counted'))).toEqual({ revision: 1 });
  expect(await plans.put(plan('counted'))).toEqual({ revision: 1 });
  expect(await plans.put(plan('counted', '/home'))).toEqual({ revision: 2 });
  expect(await plans.get('counted')).toEqual({ plan: plan('counted', '/home'), revision: 2, paused: null });
});

test('a repeated request gets its first answer and takes no effect again', async () => {
  await plans.put(plan('repeated', '/a'), { requestId: 'r1' });
  await plans.put(plan('repeated', '/b'), { requestId: 'r2' });
  expect(await plans.put(plan('repeated', '/a'), { requestId: 'r1' })).toEqual({ revision: 1 });
  expect((await plans.get('repeated'))?.plan).toEqual(plan('repeated', '/b'));
});

test('a deleted plan is gone from every list, and goes on counting when it is put again', async () => {
  await plans.put(plan('deleted'));
  expect(await plans.delete('deleted', { requestId: 'd1' })).toBe(true);
  expect(await plans.delete('deleted', { requestId: 'd1' })).toBe(true);
  expect(await plans.delete('deleted')).toBe(false);
  expect(await plans.delete('never')).toBe(false);
  expect(await plans.get('deleted')).toBeUndefined();
  expect((await plans.list()).map(each => each.plan.name)).not.toContain('deleted');
  expect(await plans.put(plan('deleted'))).toEqual({ revision: 3 });
});

test('a name that could be a pattern names nothing', async () => {
  await plans.put(plan('plain'));
  for (const name of ['*', '>', 'a.b', '', 'a b']) {
    expect(await plans.get(name)).toBeUndefined();
    await expect(plans.delete(name)).rejects.toMatchObject({ code: 'invalid' });
  }
});

test('plans are listed by name', async () => {
  await Promise.all(['list-b', 'list-a'].map(name => plans.put(plan(name))));
  const names = (await plans.list()).map(each => each.plan.name).filter(name => name.startsWith('list-'));
  expect(names).toEqual(['list-a', 'list-b']);
});

test('many writers of one plan all take effect, one after another', async () => {
  const puts = Array.from({ length: 10 }, (_, n) => plans.put(plan('contended', `/p${n}`), { requestId: `c${n}` }));
  const revisions = (await Promise.all(puts)).map(each => each.revision);
  expect(revisions.sort((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

function entry(id: string, completedAt: string): CatalogEntry {
  const known = { id, plan: 'documents', outcome: 'completed', completedAt, bytes: 1, files: 1 } as const;
  const state = { locked: false, deleting: false, verifiedAt: null, window: null };
  return { ...known, ...state, repository: '/backups', position: null, manifest: 'abc' };
}

test('the catalog adds an entry once, lists the newest first, and changes by compare-and-set', async () => {
  await catalog.add(entry('one', '2026-01-01T00:00:00.000Z'));
  await catalog.add(entry('two', '2026-01-02T00:00:00.000Z'));
  await catalog.add({ ...entry('one', '2026-01-03T00:00:00.000Z'), bytes: 9 });
  expect((await catalog.list('documents')).map(each => each.id)).toEqual(['two', 'one']);
  expect(await catalog.list('other')).toEqual([]);
  const bumps = Array.from({ length: 10 }, () => catalog.update('one', now => ({ ...now, bytes: now.bytes + 1 })));
  await Promise.all(bumps);
  expect((await catalog.get('one'))?.bytes).toBe(11);
  expect(await catalog.update('none', now => now)).toBeUndefined();
});

test('a deleted backup is listed no more, is not entered again, and is forgotten with its slot', async () => {
  await catalog.settle({ slot: 'manifest', run: 'gone', manifest: 'abc', outcome: 'completed', at: '' });
  await catalog.add(entry('gone', '2026-01-01T00:00:00.000Z'));
  const deletedAt = '2026-01-02T00:00:00.000Z';
  expect(await catalog.update('gone', now => ({ ...now, deletedAt }))).toMatchObject({ deletedAt });
  await catalog.add(entry('gone', '2026-01-01T00:00:00.000Z'));
  expect(await catalog.get('gone')).toBeUndefined();
  expect((await catalog.list()).map(({ id }) => id)).not.toContain('gone');
  expect(await catalog.update('gone', () => undefined)).toMatchObject({ deletedAt });
  expect((await catalog.deleted()).map(({ id }) => id)).toEqual(['gone']);
  await catalog.forget('gone');
  expect(await catalog.deleted()).toEqual([]);
  expect(await catalog.settle({ slot: 'void', run: 'gone', epoch: 1, at: '' })).toMatchObject({ slot: 'void' });
  await catalog.add(entry('gone', '2026-01-03T00:00:00.000Z'));
  expect(await catalog.get('gone')).toMatchObject({ completedAt: '2026-01-03T00:00:00.000Z' });
});

test('a pause stands beside the plan: a change of the plan leaves it, a deletion ends it, a repeat does nothing', async () => {
  const pause = { until: '2030-01-01T00:00:00.000Z', note: 'a new disk' };
  expect(await plans.pause('paused', pause)).toBe(false);
  await plans.put(plan('paused'));
  expect(await plans.pause('paused', pause, { requestId: 'p1' })).toBe(true);
  expect(await plans.put(plan('paused', '/home'), { requestId: 'p1' })).toEqual({ revision: 2 });
  expect(await plans.get('paused')).toEqual({ plan: plan('paused', '/home'), revision: 2, paused: pause });
  expect(await plans.pause('paused', null)).toBe(true);
  expect(await plans.pause('paused', pause, { requestId: 'p1' })).toBe(true);
  expect(await plans.get('paused')).toMatchObject({ revision: 2, paused: null });
  await plans.pause('paused', pause);
  await plans.delete('paused');
  expect(await plans.pause('paused', null)).toBe(false);
  await plans.put(plan('paused'));
  expect(await plans.get('paused')).toMatchObject({ paused: null });
});
