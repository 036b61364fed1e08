/** A reading of a stream has all that was stored before it began, and ends, whatever the server counts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publish, purgeSubject } from '../../src/nats/jetstream.ts';
import { streamOf, subjectOf } from '../../src/nats/names.ts';
import { type Reading, readStream } from '../../src/nats/stream-read.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';
import { repetitions } from '../support/repetitions.ts';

let nats: NatsStore;
beforeAll(async () => {
  nats = await openNatsStore();
});
afterAll(() => nats?.close());

const subject = (key: string) => subjectOf(nats.names.actorsBucket, key);
const put = async (key: string) => (await publish(nats.link, subject(key), 'x', { timeoutMs: 2_000 })).seq;

async function read(filter: string, from: Reading['from']): Promise<number[]> {
  const seen: number[] = [];
  const stream = streamOf(nats.names.actorsBucket);
  const see = ({ seq }: { seq: number }) => seen.push(seq) > 0;
  const late = new Promise((_, reject) => setTimeout(reject, 5_000, new Error(`${filter} did not end`)).unref());
  await Promise.race([readStream(nats.link, stream, { filter: subject(filter), from }, see), late]);
  return seen;
}

test('from whatever sequence it reads, it sees each message from there on and ends', async () => {
  const kinds = ['backup', 'schedule', 'agent'];
  const stored: { kind: string | undefined; seq: number }[] = [];
  for (let round = 0; round < repetitions(100, 12); round += 1) {
    for (let n = 0; n < 20; n += 1) {
      const written = stored.length;
      const kind = kinds[written % kinds.length];
      stored.push({ kind, seq: await put(`${kind}.r-${Math.floor(written / 7) % 30}`) });
    }
    for (let back = 1; back < 60; back += 4) {
      const from = Math.max(1, (stored.at(-1)?.seq ?? 0) - back);
      const wanted = stored.filter(({ kind, seq }) => kind === 'backup' && seq >= from).map(({ seq }) => seq);
      expect([from, ...(await read('backup.>', { seq: from }))]).toEqual([from, ...wanted]);
    }
  }
});

test('where nothing is to be seen it ends at once', async () => {
  const seq = await put('drill.one');
  expect(await read('drill.>', { seq: seq + 1 })).toEqual([]);
  expect(await read('drill.>', { atMs: Date.now() + 60_000 })).toEqual([]);
  expect(await read('prune.>', 'last-per-subject')).toEqual([]);
});

test('it ends also where its newest message is removed while it reads', async () => {
  const first = await put('verify.one');
  await put('verify.two');
  const reading = read('verify.>', 'all');
  await purgeSubject(nats.link, streamOf(nats.names.actorsBucket), subject('verify.two'));
  expect((await reading)[0]).toBe(first);
});
