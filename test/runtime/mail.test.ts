import { expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { isBeyond, type Mail, placeAfter } from '../../src/runtime/mailboxes.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { door } from '../support/door.ts';
import { eventually } from '../support/eventually.ts';
import { type MemoryHost, memoryHost } from '../support/runtime-host.ts';

/** An agent with doors, whose flow of mail a test can repeat. */
function agent(host: MemoryHost, definition: MachineDefinition = door()) {
  const runtime = new Runtime(host);
  const { clock, observe, random } = host;
  const supervisor = new Supervisor({ name: 'doors', clock, observe, random, stopOrder: 'together' });
  runtime.define(definition, supervisor);
  let deliver: (mail: Mail) => void = () => undefined;
  const follow = host.mailboxes.follow.bind(host.mailboxes);
  host.mailboxes.follow = told => {
    deliver = told;
    return follow(told);
  };
  /** What a reconnection does: all that is kept comes again. */
  const redeliver = async (id = 'front') => {
    for (const mail of await host.mailboxes.unread('door', id, { seq: 0, at: '' })) deliver(mail);
  };
  return { runtime, supervisor, redeliver, deliver: (mail: Mail) => deliver(mail) };
}

const send = (host: MemoryHost, body: object, id = 'front') =>
  host.mailboxes.send('door', id, Buffer.from(JSON.stringify(body)), { replyTo: 'me' });

const factsOf = (host: MemoryHost, fact: string) => host.facts.filter(each => each.fact === fact);
const turns = async (count = 20) => {
  for (let n = 0; n < count; n += 1) await new Promise(resolve => setImmediate(resolve));
};

async function events(host: MemoryHost, id = 'front'): Promise<string[]> {
  const history = await host.store.history('door', id);
  return history.reverse().map(({ record }) => record.event);
}

test('mail for nobody is a dead letter once, however often it comes by, and its sender is told', async () => {
  const host = memoryHost();
  const { runtime, redeliver } = agent(host);
  await runtime.openMail();
  const { seq } = await send(host, { type: 'door.open' });
  await eventually('an answer', () => host.replies.length === 1);
  await redeliver();
  await turns();
  expect(host.replies).toMatchObject([{ answer: { ok: false, error: { code: 'not-found' } } }]);
  expect(factsOf(host, 'dead-letter')).toMatchObject([{ kind: 'door', id: 'front', command: 'door.open' }]);
  const token = `${seq}-${host.clock.now()}`;
  expect(await host.refusals.find('door', 'front', token)).toMatchObject({ outcome: 'dead-letter', mail: { seq } });
});

test('a request for nobody that is sent again gets the first answer, and is no second dead letter', async () => {
  const host = memoryHost();
  await agent(host).runtime.openMail();
  await send(host, { type: 'door.open', requestId: 'r1' });
  await send(host, { type: 'door.open', requestId: 'r1' });
  await eventually('two answers', () => host.replies.length === 2);
  expect(host.replies[1]?.answer).toEqual(host.replies[0]?.answer);
  expect(factsOf(host, 'dead-letter')).toHaveLength(1);
});

test('mail for an actor that is over is a dead letter that names its state, but what it took is none', async () => {
  const host = memoryHost();
  const { runtime, redeliver } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.remove', requestId: 'r1' });
  await eventually('it is gone', () => runtime.find('door', 'front') === undefined);
  await send(host, { type: 'door.open' });
  await eventually('an answer', () => host.replies.length === 2);
  await redeliver();
  await turns();
  expect(factsOf(host, 'dead-letter')).toMatchObject([{ message: 'door front is over: it is gone' }]);
  expect(host.replies[1]?.answer).toMatchObject({ ok: false, error: { code: 'refused' } });
});

test('a request that took effect and is repeated after the end is answered as done', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.remove', requestId: 'r1' });
  await eventually('it is gone', () => runtime.find('door', 'front') === undefined);
  await send(host, { type: 'door.remove', requestId: 'r1' });
  await eventually('an answer', () => host.replies.length === 2);
  expect(host.replies[1]?.answer).toMatchObject({ ok: true, repeated: true });
  expect(factsOf(host, 'dead-letter')).toEqual([]);
});

test('what an actor was handed and did not come to before its end is a dead letter', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await Promise.all([send(host, { type: 'door.remove' }), send(host, { type: 'door.open' })]);
  await eventually('two answers', () => host.replies.length === 2);
  expect(host.replies.map(({ answer }) => (answer as { ok: boolean }).ok)).toEqual([true, false]);
  expect(factsOf(host, 'dead-letter')).toHaveLength(1);
});

test('mail that another agent’s actor will take is left alone', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.start('door', 'front', { input: {} });
  const other = memoryHost(host, 'other');
  await agent(other).runtime.openMail();
  await send(other, { type: 'door.open' });
  await turns();
  expect(other.replies).toEqual([]);
  expect(other.facts).toEqual([]);
});

test('a created actor gets no mail from before it, and what comes while it is being created', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await send(host, { type: 'door.open' });
  await eventually('the dead letter', () => host.replies.length === 1);
  const append = host.store.append.bind(host.store);
  host.store.append = async (record, options) => {
    host.store.append = append;
    await send(host, { type: 'door.open', note: 'meanwhile' });
    await turns();
    return await append(record, options);
  };
  await runtime.start('door', 'front', { input: {} });
  await eventually('it opened', async () => (await events(host)).length === 3);
  expect(await events(host)).toEqual(['actor.created', 'door.open', 'xstate.done.actor.swing']);
  expect((await host.store.read('door', 'front'))?.record.mail.seq).toBe(2);
});

test('mail that comes while a start fails is a dead letter, and a later start is not deaf', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  const append = host.store.append.bind(host.store);
  host.store.append = async () => {
    host.store.append = append;
    await send(host, { type: 'door.open' });
    await turns();
    throw new Error('no room');
  };
  await expect(runtime.start('door', 'front', { input: {} })).rejects.toThrow('no room');
  await eventually('the dead letter', () => factsOf(host, 'dead-letter').length === 1);
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.open' });
  await eventually('it opened', async () => (await events(host)).includes('door.open'));
});

test('mail of the time when nobody ran an actor comes before the mail that comes while it is taken over', async () => {
  const host = memoryHost();
  const first = agent(host);
  await first.runtime.start('door', 'front', { input: {} });
  await first.supervisor.drain(host.clock.now() + 1_000);
  const second = memoryHost(host, 'second');
  const { runtime } = agent(second);
  await runtime.openMail();
  await send(second, { type: 'door.open', note: 'one' });
  const unread = second.mailboxes.unread.bind(second.mailboxes);
  let asked = 0;
  second.mailboxes.unread = async (kind, id, after) => {
    asked += 1;
    if (asked === 1) throw new AnswerError('unavailable', 'NATS is away');
    const before = await unread(kind, id, after);
    await send(second, { type: 'door.close', note: 'two' });
    await turns();
    return before;
  };
  expect(await runtime.adoptAll(() => true)).toBe(1);
  await turns();
  await second.clock.advance(100);
  await eventually('both were judged', () => second.replies.length === 2);
  const answers = second.replies.map(({ answer }) => answer as { ok: boolean });
  expect(answers[0]?.ok).toBe(true);
  expect(
    factsOf(second, 'actor.refused').length + (await events(second)).filter(each => each === 'door.close').length,
  ).toBe(1);
});

test('mail that comes between a crash and the restart is not lost, nor passed over by what comes later', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  const read = host.store.read.bind(host.store);
  let isFirst = true;
  host.store.read = async (kind, id) => {
    if (isFirst) {
      isFirst = false;
      await send(host, { type: 'door.open', requestId: 'between' });
      await turns();
    }
    return await read(kind, id);
  };
  await send(host, { type: 'door.kick' });
  // The kick crashes it twice, and is passed over before what came after it.
  await eventually('three answers', () => host.clock.advance(100).then(() => host.replies.length === 2));
  const record = (await host.store.read('door', 'front'))?.record;
  expect(record?.requests).toEqual(['between']);
  expect(host.replies[0]?.answer).toMatchObject({ ok: false, error: { code: 'refused' } });
  expect(host.replies[1]?.answer).toMatchObject({ ok: true });
  expect(factsOf(host, 'mail.poisoned')).toMatchObject([{ id: 'front', seq: 1, crashes: 2 }]);
  expect(host.poison.size).toBe(0);
});

test('a message that was passed over as poison is so for the next incarnation too: it does not crash it again', async () => {
  const host = memoryHost();
  const { runtime, supervisor } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.kick' });
  await eventually('it is passed', () => host.clock.advance(100).then(() => host.replies.length === 1));
  await supervisor.drain(host.clock.now() + 1_000);
  const second = memoryHost(host, 'second');
  const next = agent(second);
  await next.runtime.adoptAll(() => true);
  await next.runtime.openMail();
  await eventually('an answer', () => second.replies.length === 1);
  expect(factsOf(second, 'actor.crashed')).toEqual([]);
  expect(second.replies[0]?.answer).toEqual(host.replies[0]?.answer);
});

test('all that is kept comes again after a reconnection, and has no second effect', async () => {
  const host = memoryHost();
  const { runtime, redeliver } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  for (const type of ['door.open', 'door.open', 'door.close', 'door.open']) {
    const before = host.replies.length;
    await send(host, { type });
    await eventually('an answer', () => host.replies.length > before);
    await turns();
  }
  const [told, history] = [host.replies.length, await events(host)];
  await redeliver();
  await redeliver();
  await turns();
  expect(host.replies).toHaveLength(told);
  expect(await events(host)).toEqual(history);
});

test('a storm of messages is taken one at a time and in the order of the box', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  const sent = Array.from({ length: 200 }, (_, n) => send(host, { type: 'door.open', requestId: `r${n}` }));
  await Promise.all(sent);
  await eventually('all are answered', () => host.replies.length === 200);
  const taken = host.replies.filter(({ answer }) => (answer as { ok: boolean }).ok);
  expect(taken).toHaveLength(1);
  expect((await host.store.read('door', 'front'))?.record.requests).toEqual(['r0']);
  const refused = factsOf(host, 'actor.refused');
  expect(refused).toHaveLength(199);
});

test('while refusals cannot be recorded the message waits, and with it those behind it; then it goes on', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  const record = host.refusals.record.bind(host.refusals);
  let tried = 0;
  host.refusals.record = async refusal => {
    tried += 1;
    if (tried < 3) throw new AnswerError('unavailable', 'NATS is away');
    if (tried === 3) throw new Error('something else');
    await record(refusal);
  };
  await send(host, { type: 'door.close' });
  await send(host, { type: 'door.open' });
  await eventually('it was tried', () => tried === 1);
  await turns();
  expect(host.replies).toEqual([]);
  await eventually('both are answered', () => host.clock.advance(1_000).then(() => host.replies.length === 2));
  expect(tried).toBe(4);
  expect(factsOf(host, 'defect')).toMatchObject([{ where: 'mail of door front', message: 'something else' }]);
  expect(host.replies.map(({ answer }) => (answer as { ok: boolean }).ok)).toEqual([false, true]);
});

test('a request is looked up again until it can be known whether it was refused before', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  const find = host.refusals.find.bind(host.refusals);
  let isAway = true;
  host.refusals.find = async (kind, id, token) => {
    if (isAway) throw new AnswerError('unavailable', 'NATS is away');
    return await find(kind, id, token);
  };
  await send(host, { type: 'door.open', requestId: 'r1' });
  await turns();
  expect(await events(host)).toEqual(['actor.created']);
  isAway = false;
  await eventually('it opened', () => host.clock.advance(1_000).then(async () => (await events(host)).length === 3));
});

test('a full box refuses, and nothing that is in it is dropped', async () => {
  const host = memoryHost();
  for (let n = 0; n < 1_000; n += 1) await send(host, { type: 'door.open', requestId: `r${n}` });
  await expect(send(host, { type: 'door.open' })).rejects.toMatchObject({ code: 'refused' });
  expect(await host.mailboxes.unread('door', 'front', { seq: 0, at: '' })).toHaveLength(1_000);
});

test('read mail, and dead letters, leave their box after ten minutes, the newest excepted', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  const kept = async (id: string) => (await host.mailboxes.unread('door', id, { seq: 0, at: '' })).length;
  for (const id of ['front', 'nobody']) {
    for (const type of ['door.open', 'door.open', 'door.close']) await send(host, { type }, id);
  }
  await eventually('all are answered', () => host.replies.length === 6);
  await host.clock.advance(9 * 60_000);
  expect([await kept('front'), await kept('nobody')]).toEqual([3, 3]);
  await host.clock.advance(3 * 60_000);
  await turns();
  expect(await kept('front')).toBeLessThan(3);
  expect(await kept('nobody')).toBe(1);
});

test('a place does not go back in time with a server whose clock was set back, but begins anew with a new count', () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
  const ten = { seq: 10, at: at(9) };
  const eleven = { seq: 11, at: at(5) };
  const place = placeAfter(ten, eleven);
  expect(place).toEqual({ seq: 11, at: at(9) });
  expect(isBeyond(ten, place)).toBe(false);
  expect(isBeyond(eleven, place)).toBe(false);
  const reborn = { seq: 1, at: '2026-01-02T00:00:00.000Z' };
  expect(isBeyond(reborn, place)).toBe(true);
  expect(placeAfter(place, reborn)).toEqual(reborn);
});

test('mail of a store that counts from 1 again is taken, once', async () => {
  const host = memoryHost();
  const { runtime, deliver } = agent(host);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  for (let n = 0; n < 5; n += 1) await send(host, { type: 'door.close' });
  await eventually('all are refused', () => host.replies.length === 5);
  const reborn: Mail = {
    kind: 'door',
    id: 'front',
    seq: 1,
    at: new Date(host.clock.now() + 60_000).toISOString(),
    payload: Buffer.from('{"type":"door.open"}'),
    replyTo: undefined,
  };
  deliver(reborn);
  deliver(reborn);
  deliver({ ...reborn, seq: 2, payload: Buffer.from('{"type":"door.close"}') });
  await eventually('it opened', async () => (await events(host)).includes('door.open'));
  await turns();
  expect((await events(host)).filter(each => each === 'door.open')).toHaveLength(1);
  expect((await host.store.read('door', 'front'))?.record.mail.seq).toBeLessThan(3);
});
