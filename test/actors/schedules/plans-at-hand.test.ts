/** Plans at hand, on a real server: few requests, and never older than what was stored before they were asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlansAtHand } from '../../../src/actors/schedules/plans-at-hand.ts';
import type { PlanDocument } from '../../../src/domain/plan.ts';
import { NatsDefaultsStore } from '../../../src/nats/defaults-store.ts';
import { followDocuments, newestChange } from '../../../src/nats/document-feed.ts';
import { NatsPlanStore } from '../../../src/nats/plan-store.ts';
import { eventually } from '../../support/eventually.ts';
import { type NatsStore, openNatsStore } from '../../support/nats-store.ts';

let nats: NatsStore;
let store: NatsPlanStore;
beforeAll(async () => {
  nats = await openNatsStore();
  store = new NatsPlanStore(nats.link, nats.names);
});
afterAll(() => nats.close());

const plan = (name: string, path = '/srv'): PlanDocument => ({
  name,
  engine: { type: 'files', path },
  repository: { path: '/backup' },
});

/** Plans at hand with their feed, and what they ask of the store; `lateMs` is how late each change is told. */
async function atHand(lateMs?: () => number) {
  const asked = { newest: 0, plan: 0 };
  const getWritten = (name: string) => {
    asked.plan += 1;
    return store.getWritten(name);
  };
  let told = 0;
  const plans = new PlansAtHand({ getWritten }, () => {
    asked.newest += 1;
    return newestChange(nats.link, nats.names);
  });
  let telling = Promise.resolve();
  let place = 0;
  const late = (tell: () => void) => {
    const now = place;
    const both = () => {
      plans.heard.change(now);
      tell();
      told = now;
    };
    if (!lateMs) return both();
    telling = telling.then(() => sleep(lateMs())).then(both);
  };
  const stop = await followDocuments(nats.link, nats.names, {
    change: now => {
      place = now;
    },
    plan: (name, stored) => late(() => plans.heard.plan(name, stored)),
    defaults: (name, stored) => late(() => plans.heard.defaults(name, stored)),
  });
  const upToDate = async () => told === (await newestChange(nats.link, nats.names));
  return { plans, asked, stop, upToDate };
}

test('a thousand ticks of one moment cost a question or two, and no plan is read', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
  for (const name of names) await store.put(plan(name));
  const { plans, asked, stop, upToDate } = await atHand();
  await eventually('all is told', upToDate);
  const got = await Promise.all(Array.from({ length: 1_000 }, (_, n) => plans.get(names[n % 20] as string)));
  expect(got.map(each => each?.plan.name)).toEqual(Array.from({ length: 1_000 }, (_, n) => names[n % 20]));
  expect(asked.plan).toBe(0);
  expect(asked.newest).toBeLessThan(5);
  expect(await plans.get('nobody')).toBeUndefined();
  stop();
});

test('a plan that was changed, paused or deleted a moment before is read as it then is', async () => {
  await store.put(plan('moving'));
  let n = 0;
  const { plans, asked, stop, upToDate } = await atHand(() => n % 3);
  for (; n < 200; n += 1) {
    if (n % 5 === 0) await eventually('all is told', upToDate);
    const pause = { at: '2026-01-01T00:00:00.000Z', until: null, note: `${n}` };
    if (n % 4 === 0) await store.put(plan('moving', `/srv/${n}`));
    else if (n % 4 === 1) await store.pause('moving', pause as never);
    else if (n % 4 === 2) await store.pause('moving', null);
    else await store.delete('moving');
    const now = await plans.get('moving');
    expect([n, now?.paused ?? null]).toEqual([n, n % 4 === 1 ? pause : null]);
    expect([n, now?.plan.engine]).toEqual([n, n % 4 === 3 ? undefined : plan('', `/srv/${n - (n % 4)}`).engine]);
  }
  expect(asked.plan).toBeGreaterThan(20);
  await eventually('all is told', upToDate);
  stop();
});

test('without its feed each plan is read, and after a new telling from the start none that went meanwhile is left', async () => {
  await store.put(plan('stays'));
  await store.put(plan('goes'));
  const { plans, asked, stop, upToDate } = await atHand();
  await eventually('all is told', upToDate);
  stop();
  await store.put(plan('stays', '/elsewhere'));
  expect((await plans.get('stays'))?.plan.engine).toEqual(plan('', '/elsewhere').engine);
  expect(asked.plan).toBe(1);
  await store.delete('goes');
  const again = await followDocuments(nats.link, nats.names, plans.heard);
  expect(await plans.get('goes')).toBeUndefined();
  expect((await plans.get('stays'))?.plan.engine).toEqual(plan('', '/elsewhere').engine);
  expect(asked.plan).toBe(1);
  again();
});

test('Defaults are those of the moment too', async () => {
  const defaults = new NatsDefaultsStore(nats.link, nats.names);
  const { plans, stop, upToDate } = await atHand();
  await store.put({ name: 'halved', labels: { tier: 'db' }, engine: { type: 'files', path: '/srv' } });
  await expect(plans.get('halved')).rejects.toMatchObject({ code: 'refused' });
  await defaults.put({ name: 'db', match: { tier: 'db' }, plan: { repository: 'nas' } });
  await eventually('all is told', upToDate);
  expect((await plans.get('halved'))?.plan.repository).toBe('nas');
  stop();
});
