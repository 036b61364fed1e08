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

test('a pause stands beside the plan: a change of the plan leaves it, a deletion ends it, a repeat does nothing', async () => {
  const pause = { until: '2030-01-01T00:00:00.000Z', note: 'a new disk' };
  expect(await plans.pause('paused', pause)).toBe(false);
  await plans.put(plan('paused'));
  expect(await plans.pause('paused', pause, { requestId: 'p1' })).toBe(true);
  expect(await plans.put(plan('paused', '/home'), { requestId: 'p1' })).toEqual({ revision: 2 });
  expect(await plans.get('paused')).toMatchObject({ plan: plan('paused', '/home'), revision: 2, paused: pause });
  expect(await plans.pause('paused', null)).toBe(true);
  expect(await plans.pause('paused', pause, { requestId: 'p1' })).toBe(true);
  expect(await plans.get('paused')).toMatchObject({ revision: 2, paused: null });
  await plans.pause('paused', pause);
  await plans.delete('paused');
  expect(await plans.pause('paused', null)).toBe(false);
  await plans.put(plan('paused'));
  expect(await plans.get('paused')).toMatchObject({ paused: null });
});
