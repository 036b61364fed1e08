/** What the stores of plans, schedules and Defaults have in common, and the feed that tells of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Defaults } from '../../src/domain/defaults.ts';
import type { DocumentStore } from '../../src/domain/document-store.ts';
import type { PlanDocument } from '../../src/domain/plan.ts';
import type { Schedule } from '../../src/domain/schedule.ts';
import { openLink } from '../../src/nats/connection.ts';
import { NatsDefaultsStore } from '../../src/nats/defaults-store.ts';
import { followDocuments } from '../../src/nats/document-feed.ts';
import { NatsPlanStore } from '../../src/nats/plan-store.ts';
import { NatsScheduleStore } from '../../src/nats/schedule-store.ts';
import { eventually } from '../support/eventually.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

let store: NatsStore;
beforeAll(async () => {
  store = await openNatsStore();
});
afterAll(() => store?.close());

const plan = (name: string, word: string): PlanDocument => ({
  name,
  engine: { type: 'files', path: `/srv/${word}` },
  repository: { path: '/backups' },
});
const schedule = (name: string, word: string): Schedule => ({ name, plan: word, task: 'backup', every: '6h' });
const defaults = (name: string, word: string): Defaults => ({ name, match: { tier: word }, plan: {} });

/** A store of documents of a name and a word that makes one differ from the next. */
interface Kind {
  store: DocumentStore<unknown, { revision: number }>;
  make: (name: string, word: string) => unknown;
  documentOf: (stored: object) => unknown;
}

const kinds: Record<string, () => Kind> = {
  plans: () => ({
    store: new NatsPlanStore(store.link, store.names) as Kind['store'],
    make: plan,
    documentOf: stored => (stored as { written: unknown }).written,
  }),
  schedules: () => ({
    store: new NatsScheduleStore(store.link, store.names) as Kind['store'],
    make: schedule,
    documentOf: stored => (stored as { schedule: unknown }).schedule,
  }),
  Defaults: () => ({
    store: new NatsDefaultsStore(store.link, store.names) as Kind['store'],
    make: defaults,
    documentOf: stored => (stored as { defaults: unknown }).defaults,
  }),
};

describe.each(Object.entries(kinds))('%s', (_, open) => {
  test('count their revisions, and the same document again changes nothing', async () => {
    const { store: documents, make, documentOf } = open();
    expect(await documents.get('counted')).toBeUndefined();
    expect(await documents.put(make('counted', 'a'))).toEqual({ revision: 1 });
    expect(await documents.put(make('counted', 'a'))).toEqual({ revision: 1 });
    expect(await documents.put(make('counted', 'b'))).toEqual({ revision: 2 });
    const stored = await documents.get('counted');
    expect(stored?.revision).toBe(2);
    expect(documentOf(stored ?? {})).toEqual(make('counted', 'b'));
  });

  test('a repeated request gets its first answer and takes no effect again', async () => {
    const { store: documents, make, documentOf } = open();
    await documents.put(make('repeated', 'a'), { requestId: 'r1' });
    await documents.put(make('repeated', 'b'), { requestId: 'r2' });
    expect(await documents.put(make('repeated', 'a'), { requestId: 'r1' })).toEqual({ revision: 1 });
    expect(documentOf((await documents.get('repeated')) ?? {})).toEqual(make('repeated', 'b'));
  });

  test('a deleted one is gone from every list, and goes on counting when it is put again', async () => {
    const { store: documents, make, documentOf } = open();
    const names = async () => (await documents.list()).map(each => (documentOf(each) as { name: string }).name);
    await documents.put(make('deleted', 'a'));
    expect(await names()).toContain('deleted');
    expect(await documents.delete('deleted', { requestId: 'd1' })).toBe(true);
    expect(await documents.delete('deleted', { requestId: 'd1' })).toBe(true);
    expect(await documents.delete('deleted')).toBe(false);
    expect(await documents.delete('never')).toBe(false);
    expect(await documents.get('deleted')).toBeUndefined();
    expect(await names()).not.toContain('deleted');
    expect(await documents.put(make('deleted', 'a'))).toEqual({ revision: 3 });
  });

  test('are listed by name, and a name that could be a pattern names nothing', async () => {
    const { store: documents, make, documentOf } = open();
    await Promise.all(['list-b', 'list-a'].map(name => documents.put(make(name, 'a'))));
    const listed = (await documents.list()).map(each => (documentOf(each) as { name: string }).name);
    expect(listed.filter(name => name.startsWith('list-'))).toEqual(['list-a', 'list-b']);
    for (const name of ['*', '>', 'a.b', '', 'a b']) {
      expect(await documents.get(name)).toBeUndefined();
      await expect(documents.delete(name)).rejects.toMatchObject({ code: 'invalid' });
    }
  });

  test('many writers of one all take effect, one after another', async () => {
    const { store: documents, make } = open();
    const puts = Array.from({ length: 10 }, (_, n) =>
      documents.put(make('contended', `p${n}`), { requestId: `c${n}` }),
    );
    const revisions = (await Promise.all(puts)).map(each => each.revision);
    expect(revisions.sort((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

test('a plan is read with the Defaults of the moment, by whoever put them', async () => {
  const [plans, mine] = [new NatsPlanStore(store.link, store.names), new NatsDefaultsStore(store.link, store.names)];
  const written: PlanDocument = { name: 'ledger', labels: { tier: 'db' }, engine: { type: 'files', path: '/srv' } };
  await plans.put(written);
  await expect(plans.get('ledger')).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('repository: is missing'),
  });
  expect((await plans.list()).map(each => each.plan.name)).not.toContain('ledger');
  expect((await plans.listWritten()).map(each => each.written.name)).toContain('ledger');
  const db = (repository: string) => ({ name: 'db', match: { tier: 'db' }, plan: { repository } });
  for (const repository of ['one', 'two', 'three']) {
    await mine.put(db(repository));
    expect(await plans.get('ledger')).toEqual({ plan: { ...written, repository }, written, revision: 1, paused: null });
  }
  await mine.delete('db');
  await expect(plans.get('ledger')).rejects.toMatchObject({ code: 'refused' });
});

test('the feed tells of all that there are, then of each change, also across a kill of the server', async () => {
  const own = await openNatsStore();
  const schedules = new NatsScheduleStore(own.link, own.names);
  const plans = new NatsPlanStore(own.link, own.names);
  const heard = new Map<string, unknown>();
  try {
    await plans.put(plan('before', 'a'));
    await schedules.put(schedule('before', 'a'));
    await schedules.put(schedule('before', 'b'));
    await schedules.put(schedule('gone', 'a'));
    await schedules.delete('gone');
    const stop = await followDocuments(own.link, own.names, {
      plan: (name, stored) => heard.set(`plan ${name}`, stored?.written),
      schedule: (name, stored) => heard.set(`schedule ${name}`, stored),
    });
    expect(Object.fromEntries(heard)).toEqual({
      'plan before': plan('before', 'a'),
      'schedule before': { schedule: schedule('before', 'b'), revision: 2 },
      'schedule gone': undefined,
    });
    await own.server.kill();
    await own.server.restart();
    // By somebody else: the link of the feed may still be away.
    const other = await openLink({ servers: [own.server.url], name: 'other' }, { signal: AbortSignal.timeout(10_000) });
    await new NatsScheduleStore(other, own.names).put(schedule('after', 'a'));
    await new NatsScheduleStore(other, own.names).delete('before');
    await other.close();
    await eventually('both changes', () => heard.has('schedule after') && heard.get('schedule before') === undefined);
    stop();
  } finally {
    await own.close();
  }
});
