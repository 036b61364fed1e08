import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { prepareStorage } from '../../src/nats/storage.ts';
import { keyOf } from '../../src/runtime/record.ts';
import type { AppendOutcome, StoredRecord } from '../../src/runtime/record-store.ts';
import { eventually } from '../support/eventually.ts';
import { type NatsProxy, startNatsProxy } from '../support/nats-proxy.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';
import { makeRecord } from '../support/records.ts';

let direct: NatsStore;
let proxy: NatsProxy;
let link: Link;
let store: NatsRecordStore;

beforeAll(async () => {
  direct = await openNatsStore();
  proxy = await startNatsProxy(direct.server.port);
  link = await openLink({ servers: [proxy.url], name: 'test' });
  store = new NatsRecordStore(link, direct.names);
});
afterEach(async () => {
  proxy.open();
  await link.untilUp();
});
afterAll(async () => {
  await link.close();
  await proxy.stop();
  await direct.close();
});

function revisionOf(outcome: AppendOutcome): number {
  if (outcome.outcome !== 'effective') throw new Error(`superseded by ${JSON.stringify(outcome.by.record.write)}`);
  return outcome.revision;
}

test('a write whose acknowledgement is lost is found done, and is not applied twice', async () => {
  const first = revisionOf(await store.append(makeRecord({ id: 'lost-ack' })));
  const cut = proxy.cutAnswerTo('.lost-ack');
  const second = revisionOf(await store.append(makeRecord({ id: 'lost-ack', after: first, state: 'preparing' })));
  await cut;
  const history = await store.history('backup', 'lost-ack');
  expect(history.map(each => each.revision)).toEqual([second, first]);
});

test('a write whose acknowledgement is lost counts as done also when another has followed it', async () => {
  const other = new NatsRecordStore(direct.link, direct.names);
  const first = revisionOf(await store.append(makeRecord({ id: 'followed' })));
  const cut = proxy.cutAnswerTo('.followed');
  const appended = store.append(makeRecord({ id: 'followed', after: first, state: 'preparing' }));
  await cut;
  proxy.close();
  const second = await eventually('it was applied', async () => {
    const stored = await other.read('backup', 'followed');
    return stored?.record.state === 'preparing' && stored.revision;
  });
  revisionOf(await other.append(makeRecord({ id: 'followed', after: second, state: 'cancelling' })));
  proxy.open();
  expect(await appended).toEqual({ outcome: 'effective', revision: second });
});

test('a write that another overtook meanwhile is told by which', async () => {
  const other = new NatsRecordStore(direct.link, direct.names);
  const first = revisionOf(await store.append(makeRecord({ id: 'overtaken' })));
  proxy.close();
  await eventually('the loss is noticed', () => !link.isUp);
  const appended = store.append(makeRecord({ id: 'overtaken', after: first, state: 'mine' }));
  const theirs = revisionOf(await other.append(makeRecord({ id: 'overtaken', after: first, state: 'theirs' })));
  proxy.open();
  expect(await appended).toMatchObject({
    outcome: 'superseded',
    by: { revision: theirs, record: { state: 'theirs' } },
  });
});

test('a write that the duplicate window has forgotten is found by its own mark', async () => {
  const record = makeRecord({ id: 'forgotten' });
  const ack = await direct.link.connection.request(`$KV.REEVE_ACTORS.${keyOf(record)}`, JSON.stringify(record));
  const { seq } = ack.json<{ seq: number }>();
  expect(await store.append(record)).toEqual({ outcome: 'effective', revision: seq });
});

test('an append waits while NATS is away; once its signal is aborted it ends, and nothing is written later', async () => {
  proxy.close();
  await eventually('the loss is noticed', () => !link.isUp);
  const reason = new Error('the grace is over');
  const stop = new AbortController();
  const appended = store.append(makeRecord({ id: 'given-up' }), { signal: stop.signal });
  const waited = store.append(makeRecord({ id: 'waited' }), { signal: AbortSignal.timeout(20_000) });
  stop.abort(reason);
  await expect(appended).rejects.toBe(reason);
  proxy.open();
  expect((await waited).outcome).toBe('effective');
  expect(await store.read('backup', 'given-up')).toBeUndefined();
});

test('a server that stands still for longer than a write may take neither loses nor doubles it', async () => {
  const first = revisionOf(await store.append(makeRecord({ id: 'frozen' })));
  const { pid } = direct.server;
  if (pid === undefined) throw new Error('the server is down');
  process.kill(pid, 'SIGSTOP');
  const appended = store.append(makeRecord({ id: 'frozen', after: first, state: 'preparing' }));
  await eventually('the loss is noticed', () => !link.isUp);
  process.kill(pid, 'SIGCONT');
  const second = revisionOf(await appended);
  const history = await store.history('backup', 'frozen');
  expect(history.map(each => each.revision)).toEqual([second, first]);
});

test('a record is created over the tombstone of an earlier one, and follows it', async () => {
  revisionOf(await store.append(makeRecord({ id: 'tombstone', state: 'old' })));
  const { headers } = await import('nats');
  const head = headers();
  head.set('KV-Operation', 'DEL');
  await direct.link.connection.request('$KV.REEVE_ACTORS.backup.tombstone', '', { headers: head, timeout: 1_000 });
  expect(await store.read('backup', 'tombstone')).toBeUndefined();
  const created = revisionOf(await store.append(makeRecord({ id: 'tombstone', state: 'new' })));
  revisionOf(await store.append(makeRecord({ id: 'tombstone', after: created, state: 'newer' })));
  expect((await store.read('backup', 'tombstone'))?.record.state).toBe('newer');
  const race = await Promise.all([1, 2].map(() => store.append(makeRecord({ id: 'tombstone' }))));
  expect(race.map(each => each.outcome)).toEqual(['superseded', 'superseded']);
});

test('kills of the server leave no hole in what is stored, told or watched', async () => {
  const seen: StoredRecord[] = [];
  const stop = await store.watch(stored => {
    if (stored.record.id === 'killed') seen.push(stored);
  });
  const revisions: number[] = [];
  const kills = (async () => {
    for (const at of [40, 120]) {
      await eventually('some were written', () => revisions.length >= at);
      await direct.server.kill();
      await direct.server.restart();
    }
  })();
  for (let n = 0; n < 200; n += 1) {
    const record = makeRecord({ id: 'killed', after: revisions.at(-1) ?? 0, state: `s${n}` });
    revisions.push(revisionOf(await store.append(record)));
  }
  await kills;
  await eventually('the watcher saw all', () => seen.length >= 200);
  expect(seen.map(each => each.revision)).toEqual(revisions);
  const told = await eventually('the history holds all', async () => {
    const history = await store.history('backup', 'killed', { limit: 500 });
    return history.length >= 200 && history;
  });
  expect(told.map(each => each.record.state)).toEqual(revisions.map((_, n) => `s${199 - n}`));
  stop();
});

test('a store that was lost and counts from 1 again is told anew to a watcher', async () => {
  const seen: string[] = [];
  const stop = await store.watch(stored => seen.push(stored.record.id));
  await direct.server.kill();
  await rm(direct.server.storeDir, { recursive: true });
  await direct.server.restart();
  await prepareStorage(link, direct.names, {}, { signal: AbortSignal.timeout(10_000) });
  expect(revisionOf(await store.append(makeRecord({ id: 'reborn' })))).toBe(1);
  await eventually('it is seen', () => seen.includes('reborn'));
  await expect(store.append(makeRecord({ id: 'orphan', after: 999 }))).rejects.toMatchObject({
    failure: { code: 'record-gone' },
  });
  stop();
});
