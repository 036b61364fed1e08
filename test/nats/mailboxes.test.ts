import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { prepareStorage } from '../../src/nats/storage.ts';
import type { Mail } from '../../src/runtime/mailboxes.ts';
import { eventually } from '../support/eventually.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

const nowhere = { seq: 0, at: '' };
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (mail: Mail) => new TextDecoder().decode(mail.payload);

let store: NatsStore;
let boxes: NatsMailboxes;
beforeAll(async () => {
  store = await openNatsStore();
  boxes = new NatsMailboxes(store.link, store.names);
});
afterAll(() => store.close());

async function killAndRestart(): Promise<void> {
  await store.server.kill();
  await eventually('the loss is noticed', () => !store.link.isUp);
  await store.server.restart();
  await store.link.untilUp(AbortSignal.timeout(10_000));
}

test('a publish of any NATS client is mail, acknowledged, with the subject for its outcome', async () => {
  const { headers } = await import('nats');
  const head = headers();
  head.set('Reeve-Reply', 'my.answers');
  const body = '{"type":"backup.cancel"}';
  const ack = await store.link.connection.request('reeve.actor.backup.anybody', body, {
    headers: head,
    timeout: 1_000,
  });
  const [mail] = await boxes.unread('backup', 'anybody', nowhere);
  expect(mail).toMatchObject({
    kind: 'backup',
    id: 'anybody',
    replyTo: 'my.answers',
    seq: ack.json<{ seq: number }>().seq,
  });
  expect(mail && text(mail)).toBe(body);
});

test('a message that names no actor, or is too long, is invalid', async () => {
  for (const id of ['', '*', 'a.b', 'a b']) {
    await expect(boxes.send('backup', id, bytes('x'))).rejects.toMatchObject({ code: 'invalid' });
    expect(await boxes.unread('backup', id, nowhere)).toEqual([]);
  }
  const long = boxes.send('backup', 'long', new Uint8Array(2 ** 20));
  await expect(long).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('1048576 bytes') });
});

test('a mailbox that is purged and whose server is killed loses no later message', async () => {
  for (let round = 0; round < 3; round += 1) {
    const before = await Promise.all(['a', 'b', 'c'].map(each => boxes.send('backup', 'purged', bytes(each))));
    const read = await boxes.unread('backup', 'purged', nowhere);
    const place = read.at(-1) ?? nowhere;
    await boxes.purge('backup', 'purged', place);
    await killAndRestart();
    const { seq } = await boxes.send('backup', 'purged', bytes(`later ${round}`));
    expect(seq).toBeGreaterThan(before.at(-1)?.seq ?? Number.POSITIVE_INFINITY);
    expect((await boxes.unread('backup', 'purged', place)).map(text)).toEqual([`later ${round}`]);
  }
});

test('a follower is told all that is kept again after a kill, in order, and misses nothing', async () => {
  const seen: number[] = [];
  const stop = await boxes.follow(mail => {
    if (mail.id === 'followed') seen.push(mail.seq);
  });
  const sent: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    if (n === 10) await killAndRestart();
    sent.push((await boxes.send('backup', 'followed', bytes(String(n)))).seq);
  }
  await eventually('the last was delivered', () => seen.at(-1) === sent.at(-1));
  expect([...new Set(seen)]).toEqual(sent);
  expect(seen.length).toBeGreaterThan(sent.length);
  stop();
});

test('a message to a server that is away is refused as unavailable, and is not sent later', async () => {
  await store.server.kill();
  await eventually('the loss is noticed', () => !store.link.isUp);
  const sent = boxes.send('backup', 'away', bytes('x'));
  await expect(sent).rejects.toMatchObject({ code: 'unavailable', hint: expect.stringContaining('requestId') });
  await store.server.restart();
  await store.link.untilUp(AbortSignal.timeout(10_000));
  expect(await boxes.unread('backup', 'away', nowhere)).toEqual([]);
});

test('mail of a store that counts from 1 again is delivered, and is beyond every earlier place', async () => {
  const seen: string[] = [];
  const stop = await boxes.follow(mail => seen.push(text(mail)));
  await boxes.send('backup', 'reborn', bytes('of the old life'));
  const place = (await boxes.unread('backup', 'reborn', nowhere)).at(-1) ?? nowhere;
  await store.server.kill();
  await rm(store.server.storeDir, { recursive: true });
  await store.server.restart();
  await prepareStorage(store.link, store.names, {}, { signal: AbortSignal.timeout(10_000) });
  const { seq } = await boxes.send('backup', 'reborn', bytes('of the new life'));
  expect(seq).toBeLessThan(place.seq);
  expect((await boxes.unread('backup', 'reborn', place)).map(text)).toEqual(['of the new life']);
  await boxes.purge('backup', 'reborn', place);
  await eventually('it is delivered', () => seen.includes('of the new life'));
  stop();
});
