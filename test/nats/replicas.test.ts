/** Writers that race on a bucket with three replicas: an old server acknowledges several, and the log decides. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { createStream, isTransient, JetStreamRefusal, streamInfo } from '../../src/nats/jetstream.ts';
import { Names, streamOf } from '../../src/nats/names.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { isUnsoundReplicated, prepareStorage } from '../../src/nats/storage.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { makeRecord } from '../support/records.ts';

const names = new Names();
let servers: TestServer[] = [];
let links: Link[] = [];

beforeAll(async () => {
  const ports = await Promise.all([0, 1, 2].map(() => freePort()));
  const routes = ports.map(port => `nats://127.0.0.1:${port}`).join(',');
  servers = await Promise.all(
    ports.map((port, n) => {
      const cluster = ['-cluster', `nats://127.0.0.1:${port}`, '-cluster_name', 'three', '-n', `n${n}`];
      return startNatsServer({ args: [...cluster, '-routes', routes] });
    }),
  );
  links = await Promise.all(servers.map(server => openLink({ servers: [server.url], name: 'test' })));
});
afterAll(async () => {
  await Promise.all(links.map(link => link.close()));
  await Promise.all(servers.map(server => server.stop()));
});

/** The bucket alone, where the server is too old for storage to be prepared on replicas at all. */
async function prepare(link: Link): Promise<void> {
  const prepared = prepareStorage(link, names, { replicas: 3 }, { signal: AbortSignal.timeout(30_000) });
  if (!isUnsoundReplicated(link.version())) {
    expect(await prepared).toEqual({ replicas: 3 });
    // What was asked for once is never lowered, and the next start is told of it.
    const again = prepareStorage(link, names, { replicas: 1 }, { signal: AbortSignal.timeout(30_000) });
    expect(await again).toEqual({ replicas: 3 });
    return;
  }
  await expect(prepared).rejects.toMatchObject({ failure: { code: 'replicas-unsound' } });
  const bucket = { name: streamOf(names.actorsBucket), subjects: [`$KV.${names.actorsBucket}.>`], num_replicas: 3 };
  await eventually('the bucket stands', () =>
    createStream(link, { ...bucket, max_msgs_per_subject: 64, storage: 'file', retention: 'limits' }).catch(error => {
      if (isTransient(error) || error instanceof JetStreamRefusal) return undefined;
      throw error;
    }),
  );
}

test('of writers that follow one revision one counts, and reading, watching and the losers agree on it', async () => {
  const [any] = links;
  if (!any) throw new Error('there is no link');
  await prepare(any);
  const info = await streamInfo(any, streamOf(names.actorsBucket));
  const leader = links[Number(info?.cluster?.leader?.slice(1))] ?? any;
  // Writers of one connection come closest together.
  const stores = [leader, leader, any].map(link => new NatsRecordStore(link, names, { replicas: 3 }));
  const [store] = stores;
  if (!store) throw new Error('there is no store');
  const seen: number[] = [];
  const stop = await store.watch(stored => seen.push(stored.revision));
  const counted: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    const after = counted.at(-1) ?? 0;
    const signal = AbortSignal.timeout(20_000);
    const outcomes = await Promise.all(stores.map(each => each.append(makeRecord({ id: 'raced', after }), { signal })));
    const winners = outcomes.flatMap(each => (each.outcome === 'effective' ? [each.revision] : []));
    expect(winners).toHaveLength(1);
    counted.push(...winners);
    for (const each of outcomes) if (each.outcome === 'superseded') expect(each.by.revision).toBe(winners[0]);
    expect((await store.read('backup', 'raced'))?.revision).toBe(winners[0]);
  }
  await eventually('the watcher saw the last', () => seen.at(-1) === counted.at(-1));
  expect(seen).toEqual(counted);
  stop();
});
