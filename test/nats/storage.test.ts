import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamConfig } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Link, openLink, parseServerVersion } from '../../src/nats/connection.ts';
import { createStream, streamInfo, updateStream } from '../../src/nats/jetstream.ts';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { Names } from '../../src/nats/names.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { isUnsoundReplicated, prepareStorage } from '../../src/nats/storage.ts';
import { merge } from '../../src/nats/stream-config.ts';
import { startNatsServer, type TestServer, type TestServerOptions } from '../support/nats-server.ts';
import { makeRecord } from '../support/records.ts';

let server: TestServer;
let link: Link;
beforeAll(async () => {
  server = await startNatsServer();
  link = await openLink({ servers: [server.url], name: 'test' });
});
afterAll(async () => {
  await link.close();
  await server.stop();
});

/** What a test began for itself, ended after it whether it passes or not, the newest first. */
const endings: (() => Promise<void>)[] = [];
afterEach(endAll);

async function endAll(): Promise<void> {
  const end = endings.pop();
  if (!end) return;
  try {
    await end();
  } finally {
    await endAll();
  }
}

async function startOwn(options?: TestServerOptions): Promise<TestServer> {
  const own = await startNatsServer(options);
  endings.push(() => own.stop());
  return own;
}

async function openOwn(own: TestServer): Promise<Link> {
  const opened = await openLink({ servers: [own.url], name: 'test' });
  endings.push(() => opened.close());
  return opened;
}

const soon = () => ({ signal: AbortSignal.timeout(10_000) });

async function configOf(name: string): Promise<StreamConfig> {
  const info = await streamInfo(link, name);
  if (!info) throw new Error(`there is no stream ${name}`);
  return info.config;
}

test('many that begin at once on a new server all find the storage standing', async () => {
  const own = await startOwn();
  const links = await Promise.all(Array.from({ length: 6 }, () => openOwn(own)));
  for (let round = 0; round < 5; round += 1) {
    const names = new Names(`at-once-${round}`);
    await Promise.all(links.map(each => prepareStorage(each, names, {}, soon())));
  }
});

test('all buckets and streams stand, and a second start changes nothing', async () => {
  const names = new Names('first');
  await prepareStorage(link, names, {}, soon());
  expect(await configOf('KV_FIRST_ACTORS')).toMatchObject({
    max_msgs_per_subject: 64,
    republish: { src: '$KV.FIRST_ACTORS.>', dest: 'first.event.>' },
    num_replicas: 1,
  });
  expect(await configOf('FIRST_MAIL')).toMatchObject({
    subjects: ['first.actor.>'],
    max_msgs_per_subject: 1_000,
    discard: 'new',
    discard_new_per_subject: true,
    max_age: 0,
  });
  expect(await configOf('FIRST_HISTORY')).toMatchObject({ sources: [{ name: 'KV_FIRST_ACTORS' }], max_bytes: 2 ** 30 });
  const streams = ['FIRST_MAIL', 'FIRST_HISTORY', 'FIRST_FATES', 'FIRST_REFUSED'];
  const buckets = ['KV_FIRST_ACTORS', 'KV_FIRST_PLANS', 'KV_FIRST_CATALOG', 'KV_FIRST_AGENTS'];
  const before = await Promise.all([...streams, ...buckets].map(configOf));
  await prepareStorage(link, names, {}, soon());
  expect(await Promise.all([...streams, ...buckets].map(configOf))).toEqual(before);
});

test('each write of a record is told live', async () => {
  const names = new Names('told');
  await prepareStorage(link, names, {}, soon());
  const told = Promise.withResolvers<{ subject: string; text: string }>();
  link.connection.subscribe(names.event('*', '*'), {
    max: 1,
    callback: (_, message) => told.resolve({ subject: message.subject, text: message.string() }),
  });
  const record = makeRecord({ id: 'told' });
  await new NatsRecordStore(link, names).append(record);
  expect(await told.promise).toEqual({ subject: 'told.event.backup.told', text: JSON.stringify(record) });
});

test('what is there is brought up to what is needed, and never weakened', async () => {
  const names = new Names('second');
  await prepareStorage(link, names, {}, soon());
  const history = await configOf('SECOND_HISTORY');
  await updateStream(link, { ...history, max_bytes: 2 ** 31 });
  const mail = await configOf('SECOND_MAIL');
  await updateStream(link, { ...mail, max_msgs_per_subject: 10, description: "the operator's own words" });
  await prepareStorage(link, names, {}, soon());
  expect((await configOf('SECOND_HISTORY')).max_bytes).toBe(2 ** 31);
  expect(await configOf('SECOND_MAIL')).toMatchObject({
    max_msgs_per_subject: 1_000,
    description: "the operator's own words",
  });
});

test('a stream that cannot be changed ends the start, by name, and is left alone', async () => {
  await createStream(link, { name: 'THIRD_MAIL', subjects: ['third.actor.>'], storage: 'memory' });
  const prepared = prepareStorage(link, new Names('third'), {}, soon());
  await expect(prepared).rejects.toMatchObject({
    failure: { code: 'storage-unfit', message: expect.stringContaining('THIRD_MAIL') },
  });
  expect((await configOf('THIRD_MAIL')).storage).toBe('memory');
});

test("another stream's claim to the subjects ends the start, by name, and is left alone", async () => {
  await createStream(link, { name: 'STRANGER', subjects: ['fourth.actor.backup.*'], storage: 'memory' });
  await expect(prepareStorage(link, new Names('fourth'), {}, soon())).rejects.toMatchObject({
    failure: {
      kind: 'permanent',
      code: 'storage-refused',
      message: expect.stringMatching(/FOURTH_MAIL.*STRANGER/),
      hint: expect.stringContaining('STRANGER'),
    },
  });
  expect((await configOf('STRANGER')).subjects).toEqual(['fourth.actor.backup.*']);
  expect(await streamInfo(link, 'FOURTH_MAIL')).toBeUndefined();
});

test('so it does where our stream is there and lacks those subjects', async () => {
  await createStream(link, { name: 'FIFTH_MAIL', subjects: ['elsewhere.>'], storage: 'file' });
  await createStream(link, { name: 'OTHER', subjects: ['fifth.actor.backup.*'], storage: 'memory' });
  await expect(prepareStorage(link, new Names('fifth'), {}, soon())).rejects.toMatchObject({
    failure: { code: 'storage-refused', message: expect.stringMatching(/FIFTH_MAIL.*OTHER/) },
  });
});

test('replicas are never lowered', async () => {
  const existing = { ...(await configOf('FIRST_MAIL')), num_replicas: 3 };
  expect(merge(existing, { ...existing, num_replicas: 1 })).toBeUndefined();
  expect(merge({ ...existing, num_replicas: 1 }, existing)?.num_replicas).toBe(3);
});

test('replicas are refused where two writers of one revision could both be acknowledged', async () => {
  expect(isUnsoundReplicated(parseServerVersion('2.9.10'))).toBe(true);
  expect(isUnsoundReplicated(parseServerVersion('2.9.25'))).toBe(true);
  expect(isUnsoundReplicated(parseServerVersion(''))).toBe(true);
  expect(isUnsoundReplicated(parseServerVersion('2.10.18'))).toBe(true);
  expect(isUnsoundReplicated(parseServerVersion('2.12.1'))).toBe(false);
});

test('a JetStream without room for the storage ends the start; one that fills up says so to senders', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'reeve-small-'));
  endings.push(() => rm(directory, { recursive: true }));
  const config = join(directory, 'nats.conf');
  await writeFile(config, 'jetstream { max_file_store: 120MB }');
  const smallLink = await openOwn(await startOwn({ args: ['-c', config] }));
  const names = new Names();
  await expect(prepareStorage(smallLink, names, {}, soon())).rejects.toMatchObject({
    failure: { code: 'storage-full', hint: expect.stringContaining('history') },
  });
  await prepareStorage(smallLink, names, { historyBytesMax: 2 ** 20 }, soon());
  const boxes = new NatsMailboxes(smallLink, names);
  const filling = async () => {
    for (let n = 0; ; n += 1) await boxes.send('backup', `b${n % 50}`, new Uint8Array(900_000));
  };
  await expect(filling()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('not stored'),
  });
});

test('JetStream that is not enabled is waited for, until the signal', async () => {
  const bareLink = await openOwn(await startOwn({ jetStream: false }));
  const stop = new AbortController();
  const reason = new Error('enough');
  const waiting = (cause: Error) => {
    expect(cause.message).toBe('no JetStream answers there; start nats-server with --jetstream');
    stop.abort(reason);
  };
  await expect(prepareStorage(bareLink, new Names(), {}, { signal: stop.signal, waiting })).rejects.toBe(reason);
});

test('a prefix that could not stand in a subject is invalid', () => {
  for (const prefix of ['', 'a.b', 'A', 'a b', '>', '*', '-a']) expect(() => new Names(prefix)).toThrow(/prefix/);
});
