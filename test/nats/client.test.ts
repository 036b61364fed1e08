import { expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import { connectClient } from '../../src/nats/client.ts';
import { fakeCluster } from '../cli/fake-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startNatsServer } from '../support/nats-server.ts';

const cluster = fakeCluster();

test('an answer is its object; ok: false is thrown as the error that it says', async () => {
  const client = await connectClient({ url: cluster.server.url });
  cluster.service.answers({
    'plan.get': input => ({ got: input }),
    'plan.delete': () => {
      throw new AnswerError('conflict', 'in use', 'delete its backups first');
    },
  });
  expect(await client.request('plan.get', { name: 'x' })).toEqual({ ok: true, got: { name: 'x' } });
  await expect(client.request('plan.delete')).rejects.toMatchObject({
    code: 'conflict',
    message: 'in use',
    hint: 'delete its backups first',
  });
  await client.close();
});

test('nobody who serves is unavailable at once, and no answer is so after the timeout', async () => {
  const client = await connectClient({ url: cluster.server.url, prefix: 'nobody' });
  await expect(client.request('plan.get')).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('no agent answers'),
  });
  await client.close();
  const patient = await connectClient({ url: cluster.server.url, timeoutMs: 100 });
  cluster.service.answers({ 'plan.get': () => new Promise(() => undefined) });
  await expect(patient.request('plan.get')).rejects.toMatchObject({
    code: 'unavailable',
    message: 'no answer to plan.get came within 0.1 s',
  });
  await patient.close();
});

test('what only reads is asked again when the first answer is lost, what changes something is not', async () => {
  const client = await connectClient({ url: cluster.server.url, timeoutMs: 300 });
  let asked = 0;
  const lost = async () => {
    asked += 1;
    return asked === 1 ? await new Promise<never>(() => undefined) : { asked };
  };
  cluster.service.answers({ 'queue.list': lost, 'plan.put': lost });
  expect(await client.request('queue.list')).toMatchObject({ asked: 2 });
  asked = 0;
  await expect(client.request('plan.put')).rejects.toMatchObject({ code: 'unavailable' });
  expect(asked).toBe(1);
  await client.close();
});

test('a server that is away is unavailable, and its password is not shown', async () => {
  const url = `nats://user:secret@127.0.0.1:${await freePort()}`;
  const error: unknown = await connectClient({ url }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AnswerError);
  expect(error).toMatchObject({ code: 'unavailable' });
  expect(String(error)).not.toContain('secret');
});

test('credentials that are refused are told as such', async () => {
  const guarded = await startNatsServer({ args: ['--user', 'a', '--pass', 'b'] });
  try {
    await expect(connectClient({ url: guarded.url })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('refused the credentials'),
    });
  } finally {
    await guarded.stop();
  }
});

test('a user and a password in the URL are sent, as an agent sends them, and shown nowhere', async () => {
  const guarded = await startNatsServer({ args: ['--user', 'a', '--pass', 'b@c'] });
  try {
    const url = guarded.url.replace('//', '//a:b%40c@');
    const client = await connectClient({ url });
    expect(client.shownUrl).toBe(guarded.url);
    await client.close();
    const unencoded = await connectClient({ url: guarded.url.replace('//', '//a:b@c@') });
    expect(unencoded.shownUrl).toBe(guarded.url);
    await unencoded.close();
  } finally {
    await guarded.stop();
  }
});

test.each([
  { url: 'nats://127.0.0.1:99999', says: '"nats://127.0.0.1:99999" is not a URL' },
  { url: 'nats://a:secret@:4222', says: 'is not a URL' },
  { url: 'http://127.0.0.1:4222', says: 'is not a URL' },
  { url: 'nats://127.0.0.1:1,', says: '"" is not a URL' },
  { url: 'nats://a:100%@127.0.0.1:1', says: 'percent-encoded' },
  { url: 'nats://127.0.0.1:1', prefix: 'a b', says: '"a b" is no prefix' },
  { url: 'nats://127.0.0.1:1', creds: import.meta.filename, says: 'has no credentials of NATS in it' },
])('what can never be a connection is invalid, not away ($says)', async ({ says, ...options }) => {
  const error: unknown = await connectClient(options).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'invalid', message: expect.stringContaining(says) });
  expect(String(error)).not.toContain('secret');
});

test('a server that does not speak TLS is told as such, whether an authority or the URL asks for it', async () => {
  const url = cluster.server.url.replace('nats:', 'tls:');
  await expect(connectClient({ url })).rejects.toMatchObject({
    code: 'unavailable',
    message: `NATS at ${url} does not speak TLS`,
  });
});

test('events and progress of one actor, or of all, come as values until they are ended; what is not JSON is ignored', async () => {
  const client = await connectClient({ url: cluster.server.url });
  const seen: unknown[] = [];
  const end = client.onEvent(record => seen.push(record), { kind: 'backup', id: 'a' });
  client.onEvent(record => seen.push(['all', record]));
  client.onProgress((actor, progress) => seen.push([actor, progress]));
  await eventually('a first event', () => {
    cluster.service.tell('reeve.event.backup.a', { n: 0 });
    return seen.length > 0;
  });
  seen.length = 0;
  cluster.service.tell('reeve.event.backup.b', { n: 1 });
  cluster.service.tell('reeve.event.backup.a', { n: 2 });
  cluster.service.tell('reeve.progress.backup.a', { n: 3 });
  await eventually('all of them', () => JSON.stringify(seen).includes('"n":3'));
  const later = seen.filter(value => !JSON.stringify(value).includes('"n":0'));
  expect(later).toHaveLength(4);
  expect(later).toEqual(
    expect.arrayContaining([['all', { n: 1 }], { n: 2 }, ['all', { n: 2 }], [{ kind: 'backup', id: 'a' }, { n: 3 }]]),
  );
  end();
  seen.length = 0;
  cluster.service.tell('reeve.event.backup.a', { n: 4 });
  await eventually('the one that is left', () => seen.length > 0);
  expect(seen).toEqual([['all', { n: 4 }]]);
  await client.close();
});
