import { expect, test } from 'vitest';
import { FailureError } from '../../src/core/failure.ts';
import type { DurableActor, Exit } from '../../src/runtime/durable-actor.ts';
import { adoptDurable, createDurable } from '../../src/runtime/first-records.ts';
import type { ActorRecord, MailPosition } from '../../src/runtime/record.ts';
import type { AppendOutcome } from '../../src/runtime/record-store.ts';
import { door } from '../support/door.ts';
import { eventually } from '../support/eventually.ts';
import { type MemoryHost, memoryHost } from '../support/runtime-host.ts';

const nowhere: MailPosition = { seq: 0, at: '' };

async function begun(host: MemoryHost, definition = door(), id = 'front') {
  const exits: Exit[] = [];
  const made = await createDurable(host, definition, id, { input: {}, mail: nowhere }, exit => exits.push(exit));
  if ('taken' in made) throw new Error('taken');
  const stop = await host.mailboxes.follow(mail => mail.id === id && made.actor.deliver(mail));
  made.actor.start();
  return { actor: made.actor, exits, stop };
}

function send(host: MemoryHost, body: unknown, id = 'front') {
  return host.mailboxes.send('door', id, Buffer.from(JSON.stringify(body)), { replyTo: 'me' });
}

test('the first record is written before anything runs, and names its cause', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  expect(actor.record).toMatchObject({
    kind: 'door',
    id: 'front',
    state: 'closed',
    from: null,
    event: 'actor.created',
    after: 0,
    final: false,
    canTake: ['door.kick', 'door.open', 'door.remove'],
  });
  expect((await host.store.read('door', 'front'))?.record).toEqual(actor.record);
});

test('an id that is taken is not taken twice', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  const again = await createDurable(host, door(), 'front', { input: {}, mail: nowhere }, () => undefined);
  expect(again).toEqual({ taken: { record: actor.record, revision: actor.revision } });
});

test('nobody sees a state and no effect starts before the step is durable', async () => {
  const host = memoryHost();
  let swings = 0;
  const { actor } = await begun(
    host,
    door(async () => {
      swings += 1;
    }),
  );
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>(resolve => {
    letGo = resolve;
  });
  const append = host.store.append.bind(host.store);
  host.store.append = async (record: ActorRecord): Promise<AppendOutcome> => {
    await gate;
    return append(record);
  };
  await send(host, { type: 'door.open' });
  await eventually('the step is asked for', () => actor.takes({ type: 'door.open' }));
  expect(actor.snapshot.value).toBe('closed');
  expect(swings).toBe(0);
  letGo();
  await eventually('the door is open', () => actor.record.state === 'open');
  expect(swings).toBe(1);
});

test('each record follows the one before and says where its mailbox stands', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, { type: 'door.open', requestId: 'r1', note: 'let me in' });
  await eventually('the door is open', () => actor.record.state === 'open');
  const [open, opening, closed] = (await host.store.history('door', 'front')).map(each => each);
  expect([closed, opening, open].map(each => each?.record.state)).toEqual(['closed', 'opening', 'open']);
  expect(opening?.record).toMatchObject({
    after: closed?.revision,
    from: 'closed',
    event: 'door.open',
    note: 'let me in',
    requests: ['r1'],
    mail: { seq: 1 },
  });
  expect(open?.record).toMatchObject({ after: opening?.revision, event: 'xstate.done.actor.swing', mail: { seq: 1 } });
  expect(host.replies).toMatchObject([{ to: 'me', answer: { ok: true, actor: { state: 'opening' } } }]);
});

test('a command that the state cannot take is refused with what it can take, and writes no record', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, { type: 'door.close' });
  await eventually('an answer', () => host.replies.length === 1);
  expect(host.replies[0]?.answer).toEqual({
    ok: false,
    error: {
      code: 'refused',
      message: 'door front cannot take door.close: it is closed',
      hint: 'it can take: door.kick, door.open, door.remove',
    },
  });
  expect(actor.revision).toBe(1);
  expect(host.facts.at(-1)).toMatchObject({ fact: 'actor.refused', command: 'door.close', code: 'refused' });
});

test.each([
  ['a forged internal event', { type: 'xstate.done.actor.swing' }],
  ['a forged stop', { type: 'xstate.stop' }],
  ['a forged deadline', { type: 'deadline.passed', name: 'draught' }],
  ['the runtime’s own event', { type: 'reeve.commit' }],
  ['an unknown field', { type: 'door.open', now: true }],
  ['no type', { open: true }],
  ['not an object', ['door.open']],
])('%s is invalid and changes nothing', async (_, body) => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, body);
  await eventually('an answer', () => host.replies.length === 1);
  expect(host.replies[0]?.answer).toMatchObject({ ok: false, error: { code: 'invalid' } });
  expect(actor.record.state).toBe('closed');
  expect(actor.revision).toBe(1);
});

test('a repeated requestId has no second effect and gets an answer', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, { type: 'door.open', requestId: 'r1' });
  await send(host, { type: 'door.open', requestId: 'r1' });
  await eventually('two answers', () => host.replies.length === 2);
  expect(host.replies[1]?.answer).toMatchObject({ ok: true, repeated: true });
  expect((actor.record.context as { opened: number }).opened).toBeLessThanOrEqual(1);
});

test('a repeat of a refused request gets its first answer, even when it could be taken now', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, { type: 'door.close', requestId: 'r1' });
  await eventually('the refusal', () => host.replies.length === 1);
  await send(host, { type: 'door.open' });
  await eventually('the door is open', () => actor.record.state === 'open');
  await send(host, { type: 'door.close', requestId: 'r1' });
  await eventually('three answers', () => host.replies.length === 3);
  expect(host.replies[2]?.answer).toEqual(host.replies[0]?.answer);
  expect(actor.record.state).toBe('open');
});

test('a deadline is an absolute time in the record and fires once it is over', async () => {
  const host = memoryHost();
  const { actor } = await begun(host);
  await send(host, { type: 'door.open' });
  await eventually('the door is open', () => actor.record.state === 'open');
  expect(actor.record.deadlines).toEqual({ draught: '2026-01-01T00:01:00.000Z' });
  await host.clock.advance(59_999);
  expect(actor.record.state).toBe('open');
  await host.clock.advance(1);
  await eventually('the door is closed', () => actor.record.state === 'closed');
  expect(actor.record).toMatchObject({ event: 'deadline.passed', deadlines: {} });
  expect(host.clock.alarms).toBe(0);
});

test('another incarnation claims the record, asks its effects again, and hears of a deadline that passed meanwhile', async () => {
  const host = memoryHost();
  let swings = 0;
  const never = door(() => {
    swings += 1;
    return new Promise(() => undefined);
  });
  const first = await begun(host, never);
  await send(host, { type: 'door.open' });
  await eventually('the door is opening', () => first.actor.record.state === 'opening' && swings === 1);
  const second = memoryHost(host, 'second');
  const stored = await host.store.read('door', 'front');
  const adopted = await adoptDurable(second, door(), stored as never, () => undefined);
  if ('lost' in adopted) throw new Error('lost');
  expect(adopted.actor.record).toMatchObject({
    event: 'actor.adopted',
    state: 'opening',
    owner: { incarnation: 'second', epoch: 2 },
  });
  adopted.actor.start();
  await eventually('the door is open', () => adopted.actor.record.state === 'open');
  await adopted.actor.stop(AbortSignal.timeout(1_000));
  host.clock.advance(3_600_000);
  const third = memoryHost(host, 'third');
  const again = await adoptDurable(third, door(), (await host.store.read('door', 'front')) as never, () => undefined);
  if ('lost' in again) throw new Error('lost');
  again.actor.start();
  await host.clock.advance(0);
  await eventually('the door is closed', () => again.actor.record.state === 'closed');
});

test('a stale owner is fenced by its next write, and nothing of that step is felt', async () => {
  const host = memoryHost();
  let swings = 0;
  const { actor, exits } = await begun(
    host,
    door(async () => {
      swings += 1;
    }),
  );
  const second = memoryHost(host, 'second');
  await adoptDurable(second, door(), (await host.store.read('door', 'front')) as never, () => undefined);
  await send(host, { type: 'door.open' });
  await eventually('the exit', () => exits.length === 1);
  expect(exits[0]).toMatchObject({ how: 'fenced', by: { record: { owner: { incarnation: 'second' } } } });
  expect(swings).toBe(0);
  expect(actor.record.state).toBe('closed');
});

test('a message that crashes its actor twice is refused the third time, and intake moves past it', async () => {
  const host = memoryHost();
  await send(host, { type: 'door.kick' });
  let crashes = 0;
  let actor: DurableActor | undefined;
  const first = await createDurable(host, door(), 'front', { input: {}, mail: nowhere }, () => {
    crashes += 1;
  });
  if ('taken' in first) throw new Error('taken');
  actor = first.actor;
  for (let run = 0; run < 3; run++) {
    actor.start();
    for (const mail of await host.mailboxes.unread('door', 'front', actor.record.mail)) actor.deliver(mail);
    await eventually('a crash or an answer', () => crashes > run || host.replies.length > 0);
    if (host.replies.length > 0) break;
    const adopted = await adoptDurable(host, door(), (await host.store.read('door', 'front')) as never, () => {
      crashes += 1;
    });
    if ('lost' in adopted) throw new Error('lost');
    actor = adopted.actor;
  }
  expect(crashes).toBe(2);
  expect(host.replies[0]?.answer).toMatchObject({
    ok: false,
    error: { code: 'refused', message: expect.stringContaining('crashed door.front 2 times') },
  });
  await send(host, { type: 'door.open' });
  for (const mail of await host.mailboxes.unread('door', 'front', actor.record.mail)) actor.deliver(mail);
  await eventually('the door is open', () => actor?.record.state === 'open');
});

test('a final state takes nothing', async () => {
  const host = memoryHost();
  const { actor, exits } = await begun(host);
  await send(host, { type: 'door.open' });
  await eventually('the door is open', () => actor.record.state === 'open');
  await send(host, { type: 'door.remove' });
  await eventually('the exit', () => exits.length === 1);
  expect(exits[0]).toMatchObject({ how: 'normal', record: { state: 'gone', final: true, canTake: [] } });
  expect(host.clock.alarms).toBe(0);
});

test('a message whose record would be too long crashes its actor, and is refused after two crashes like any poison', async () => {
  const host = memoryHost();
  const { actor, exits } = await begun(host);
  const tooLong = new FailureError({ kind: 'permanent', code: 'record-too-long', message: 'too long', hint: '' });
  host.store.append = () => Promise.reject(tooLong);
  await send(host, { type: 'door.open' });
  await eventually('the exit', () => exits.length === 1);
  expect(exits[0]).toEqual({ how: 'crash', error: tooLong });
  expect([...host.poison.values()]).toEqual([1]);
  expect(actor.isOver).toBe(true);
});

test('a store that fails crashes the actor, but its message is not to blame', async () => {
  const host = memoryHost();
  const { exits } = await begun(host);
  host.store.append = () => Promise.reject(new Error('the stream is gone'));
  await send(host, { type: 'door.open' });
  await eventually('the exit', () => exits.length === 1);
  expect(exits[0]).toMatchObject({ how: 'crash', error: { message: 'the stream is gone' } });
  expect(host.poison.size).toBe(0);
});

test('a stop ends the wait for a write that cannot be decided, and nothing of that step is felt', async () => {
  const host = memoryHost();
  let swings = 0;
  const { actor, exits } = await begun(
    host,
    door(async () => {
      swings += 1;
    }),
  );
  host.store.append = (_, { signal } = {}) =>
    new Promise((_done, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
  await send(host, { type: 'door.open' });
  await eventually('the step is asked for', () => actor.unreadMail.length === 1);
  const bound = new AbortController();
  const stopped = actor.stop(bound.signal);
  bound.abort();
  await stopped;
  expect(swings).toBe(0);
  expect(exits).toEqual([]);
  expect(actor.record.state).toBe('closed');
});
