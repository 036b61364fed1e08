import { expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import type { RunningActorsOptions } from '../../src/runtime/running-actors.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { door } from '../support/door.ts';
import { eventually } from '../support/eventually.ts';
import { makeRecord } from '../support/records.ts';
import { type MemoryHost, memoryHost } from '../support/runtime-host.ts';

/** One incarnation of an agent with doors. */
function agent(host: MemoryHost, definition: MachineDefinition = door(), options: RunningActorsOptions = {}) {
  const fenced: string[] = [];
  const runtime = new Runtime(host, { onFenced: (kind, id) => fenced.push(`${kind}/${id}`), ...options });
  const { clock, observe, random } = host;
  const supervisor = new Supervisor({ name: 'doors', clock, observe, random, stopOrder: 'together' });
  runtime.define(definition, supervisor);
  return { runtime, supervisor, fenced };
}

const send = (host: MemoryHost, body: object, id = 'front') =>
  host.mailboxes.send('door', id, Buffer.from(JSON.stringify(body)), { replyTo: 'me' });

const stateOf = async (host: MemoryHost, id = 'front') => (await host.store.read('door', id))?.record.state;

const factsOf = (host: MemoryHost, fact: string) => host.facts.filter(each => each.fact === fact);

test('a start is durable when it resolves; an id that is taken says by which record, here or elsewhere', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  const { created, record } = await runtime.start('door', 'front', { input: {}, note: 'mine', requestId: 'r1' });
  expect(created).toBe(true);
  expect(record).toMatchObject({ state: 'closed', note: 'mine', requests: ['r1'] });
  expect(await stateOf(host)).toBe('closed');
  expect(await runtime.start('door', 'front', { input: {} })).toEqual({ created: false, record });
  const other = agent(memoryHost(host, 'other')).runtime;
  expect(await other.start('door', 'front', { input: {} })).toEqual({ created: false, record });
  expect(other.find('door', 'front')).toBeUndefined();
});

test('of many starts of one id at once one creates it, and all get its record', async () => {
  const host = memoryHost();
  const { runtime, supervisor } = agent(host);
  const starts = await Promise.all(Array.from({ length: 20 }, () => runtime.start('door', 'front', { input: {} })));
  expect(starts.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(starts.map(({ record }) => record.write.n)).size).toBe(1);
  expect(supervisor.size).toBe(1);
  expect(await host.store.history('door', 'front')).toHaveLength(1);
});

test.each([
  ['a kind that it does not run', 'window', 'front', 'not-found'],
  ['what is no id', 'door', 'front.door', 'invalid'],
])('a start of %s is refused', async (_, kind, id, code) => {
  const { runtime } = agent(memoryHost());
  await expect(runtime.start(kind, id, { input: {} })).rejects.toMatchObject({ code });
});

test('while it drains nothing new is started, and once told it goes on', async () => {
  const { runtime } = agent(memoryHost());
  runtime.refuseStarts();
  await expect(runtime.start('door', 'front', { input: {} })).rejects.toMatchObject({ code: 'refused' });
  const opening = Promise.withResolvers<void>();
  runtime.takeStarts(opening.promise);
  setImmediate(opening.resolve);
  expect((await runtime.start('door', 'front', { input: {} })).created).toBe(true);
});

test('a start that waits until the agent goes on is a child of the supervisor that its kind has by then', async () => {
  const host = memoryHost();
  const { runtime, supervisor } = agent(host);
  await supervisor.drain(host.clock.now() + 1_000);
  const opening = Promise.withResolvers<void>();
  runtime.takeStarts(opening.promise);
  const starting = runtime.start('door', 'front', { input: {} });
  const { clock, observe, random } = host;
  const anew = new Supervisor({ name: 'anew', clock, observe, random, stopOrder: 'together' });
  runtime.define(door(), anew);
  opening.resolve();
  expect((await starting).created).toBe(true);
  expect(anew.size).toBe(1);
});

test('all records that are ours are taken over once, and final ones, others’ and unknown kinds are left alone', async () => {
  const host = memoryHost();
  const first = agent(host);
  for (let n = 0; n < 300; n += 1) await first.runtime.start('door', `d${n}`, { input: {} });
  await host.store.append(makeRecord({ kind: 'door', id: 'over', state: 'gone', final: true }));
  await host.store.append(makeRecord({ kind: 'door', id: 'theirs', state: 'closed' }));
  await host.store.append(makeRecord({ kind: 'window', id: 'unknown', state: 'closed' }));
  await first.supervisor.drain(host.clock.now() + 1_000);
  const second = memoryHost(host, 'second');
  const { runtime, supervisor } = agent(second);
  const isOurs = ({ id }: { id: string }) => id !== 'theirs';
  expect(await runtime.adoptAll(isOurs)).toBe(300);
  expect(supervisor.size).toBe(300);
  expect(await runtime.adoptAll(isOurs)).toBe(0);
  expect(runtime.find('door', 'd7')?.record).toMatchObject({ event: 'actor.adopted', owner: { epoch: 2 } });
  expect((await host.store.read('door', 'theirs'))?.revision).toBe(302);
});

test.each([
  ['of a newer machine', { machine: { id: 'door', version: 2 }, state: 'closed' }, 'version 2 of door'],
  ['with a state that the machine does not have', { machine: { id: 'door', version: 1 }, state: 'ajar' }, 'ajar'],
  [
    'of an older machine that cannot be migrated',
    { machine: { id: 'door', version: 0 }, state: 'closed' },
    'version 0',
  ],
])('a record %s is left alone, and that is told', async (_, fields, message) => {
  const host = memoryHost();
  await host.store.append(makeRecord({ kind: 'door', id: 'front', ...fields }));
  await host.store.append(
    makeRecord({ kind: 'door', id: 'back', machine: { id: 'door', version: 1 }, state: 'closed' }),
  );
  const migrate = () => undefined;
  const { runtime } = agent(host, { ...door(), migrate });
  expect(await runtime.adoptAll(() => true)).toBe(1);
  expect((await host.store.read('door', 'front'))?.revision).toBe(1);
  expect(factsOf(host, 'defect')).toMatchObject([
    { where: 'adoption of door front', message: expect.stringContaining(message) },
  ]);
});

test('a record of an older machine is migrated with the claim', async () => {
  const host = memoryHost();
  const old = makeRecord({ kind: 'door', id: 'front', machine: { id: 'door', version: 1 }, state: 'ajar' });
  await host.store.append({ ...old, context: { opened: 3 }, canTake: ['door.slam'] });
  const migrate: MachineDefinition['migrate'] = ({ context }) => ({ state: 'closed', context });
  const { runtime } = agent(host, { ...door(), version: 2, migrate });
  expect(await runtime.adoptAll(() => true)).toBe(1);
  expect(runtime.find('door', 'front')?.record).toMatchObject({
    state: 'closed',
    from: 'ajar',
    context: { opened: 3 },
    machine: { version: 2 },
    canTake: ['door.kick', 'door.open', 'door.remove'],
  });
});

test('an actor that crashed is restored from its record, not from the memory that crashed, and asks its effects again', async () => {
  const host = memoryHost();
  let swings = 0;
  const { runtime } = agent(
    host,
    door(async () => {
      swings += 1;
      if (swings === 1) throw new Error('the hinge broke');
    }),
  );
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.open' });
  await eventually('the door is open', async () => (await stateOf(host)) === 'open');
  expect(swings).toBe(2);
  expect(factsOf(host, 'actor.crashed')).toMatchObject([{ id: 'front', state: 'opening', message: 'the hinge broke' }]);
  const history = await host.store.history('door', 'front');
  expect(history.map(({ record }) => record.state)).toEqual(['open', 'opening', 'closed']);
});

test('a restart waits until the effects of the life before have settled', async () => {
  const host = memoryHost();
  const order: string[] = [];
  const settle = Promise.withResolvers<void>();
  let lives = 0;
  const swing = async () => {
    lives += 1;
    const life = lives;
    order.push(`begin ${life}`);
    if (life === 1) await settle.promise;
    order.push(`end ${life}`);
  };
  const { runtime } = agent(host, door(swing));
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.open' });
  await eventually('it opens', () => order.length === 1);
  await send(host, { type: 'door.kick' });
  await eventually('it crashed', () => factsOf(host, 'actor.crashed').length === 1);
  expect(runtime.find('door', 'front')).toBeUndefined();
  settle.resolve();
  await eventually('the second began', () => order.includes('begin 2'));
  expect(order.slice(0, 3)).toEqual(['begin 1', 'end 1', 'begin 2']);
});

test('an effect that does not settle is told, and holds a restart up no longer than its bound', async () => {
  const host = memoryHost();
  let swings = 0;
  const swing = () => {
    swings += 1;
    return new Promise<void>(() => undefined);
  };
  const { runtime } = agent(host, door(swing), { settleMs: 3_000 });
  await runtime.start('door', 'front', { input: {} });
  await runtime.openMail();
  await send(host, { type: 'door.open' });
  await eventually('it opens', () => swings === 1);
  await send(host, { type: 'door.kick' });
  await eventually('it crashed', () => factsOf(host, 'actor.crashed').length === 1);
  await host.clock.advance(2_999);
  expect(swings).toBe(1);
  await host.clock.advance(1);
  await eventually('it is asked again', () => swings === 2);
  expect(factsOf(host, 'effect.unsettled')).toMatchObject([{ id: 'front', effect: 'swing', forMs: 3_000 }]);
});

test('a crash while another owner has the record ends it here: nothing is taken back', async () => {
  const host = memoryHost();
  const { runtime, supervisor, fenced } = agent(host);
  await runtime.openMail();
  const { record } = await runtime.start('door', 'front', { input: {} });
  const owner = { agent: 'there', host: 'there', incarnation: 'theirs', epoch: 2 };
  await host.store.append({ ...record, after: 1, owner, write: { incarnation: 'theirs', n: 1 } });
  await send(host, { type: 'door.kick' });
  await eventually('it is gone', () => supervisor.size === 0);
  expect(fenced).toEqual(['door/front']);
  expect(factsOf(host, 'actor.fenced')).toMatchObject([{ by: 'there', epoch: 2 }]);
  expect((await host.store.read('door', 'front'))?.record.owner?.incarnation).toBe('theirs');
});

test('an actor that is overtaken stops, and whoever runs its engines is told', async () => {
  const host = memoryHost();
  let aborted = false;
  const swing = (signal: AbortSignal) =>
    new Promise<void>(resolve => {
      signal.addEventListener('abort', () => {
        aborted = true;
        resolve();
      });
    });
  const { runtime, supervisor, fenced } = agent(host, door(swing));
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await send(host, { type: 'door.open' });
  await eventually('it opens', () => runtime.find('door', 'front')?.record.state === 'opening');
  const stored = await host.store.read('door', 'front');
  if (!stored) throw new Error('no record');
  const owner = { agent: 'there', host: 'there', incarnation: 'theirs', epoch: 2 };
  const theirs = { ...stored.record, after: stored.revision, owner, write: { incarnation: 'theirs', n: 1 } };
  await host.store.append(theirs);
  runtime.find('door', 'front')?.fence({ record: theirs, revision: stored.revision + 1 });
  await eventually('it is gone', () => supervisor.size === 0);
  expect(aborted).toBe(true);
  expect(fenced).toEqual(['door/front']);
  expect(runtime.find('door', 'front')).toBeUndefined();
});

test('a restart waits for NATS instead of crashing again, and a drain meanwhile does not wait for it', async () => {
  for (const isBackAgain of [true, false]) {
    const host = memoryHost();
    const { runtime, supervisor } = agent(host);
    await runtime.openMail();
    await runtime.start('door', 'front', { input: {} });
    const read = host.store.read.bind(host.store);
    host.store.read = () => Promise.reject(new AnswerError('unavailable', 'NATS is away'));
    await send(host, { type: 'door.kick' });
    await eventually('it crashed', () => factsOf(host, 'actor.crashed').length === 1);
    await host.clock.advance(60_000);
    expect(factsOf(host, 'actor.crashed')).toHaveLength(1);
    if (isBackAgain) {
      host.store.read = read;
      const look = () => runtime.find('door', 'front') !== undefined;
      await eventually('it runs', () => host.clock.advance(100).then(look));
    } else {
      const drained = supervisor.drain(host.clock.now() + 10_000);
      await host.clock.advance(1_000);
      expect(await drained).toEqual([]);
    }
  }
});

test('a drain ends every actor, leaves the records as they are, and reports what is not at rest or did not stop', async () => {
  const host = memoryHost();
  const stuck = door(() => new Promise<void>(() => undefined));
  const { runtime, supervisor } = agent(host, stuck);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: {} });
  await runtime.start('door', 'back', { input: {} });
  await send(host, { type: 'door.open' });
  await eventually('it opens', () => runtime.find('door', 'front')?.record.state === 'opening');
  const drained = supervisor.drain(host.clock.now() + 10_000);
  await host.clock.advance(10_000);
  expect(await drained).toEqual([{ kind: 'door', id: 'front', why: 'its effects did not stop: swing' }]);
  expect([...runtime.actors]).toEqual([]);
  expect(await stateOf(host)).toBe('opening');
  expect(await stateOf(host, 'back')).toBe('closed');
  runtime.close();
  expect(host.clock.alarms).toBe(0);
});

test('an actor that is being created when all are drained does not run on', async () => {
  const host = memoryHost();
  const gate = Promise.withResolvers<void>();
  const append = host.store.append.bind(host.store);
  host.store.append = async (record, options) => {
    await gate.promise;
    return await append(record, options);
  };
  const { runtime, supervisor } = agent(host);
  const started = runtime.start('door', 'front', { input: {} });
  const drained = supervisor.drain(host.clock.now() + 1_000);
  gate.resolve();
  await drained;
  await started;
  expect([...runtime.actors]).toEqual([]);
  expect(await stateOf(host)).toBe('closed');
});

test('a restored actor is told that an agent runs it again, by another incarnation or by one that was drained', async () => {
  const host = memoryHost();
  const definition = { ...door(), returnedEvent: 'door.open' };
  const first = agent(host, definition);
  await first.runtime.start('door', 'front', { input: {} });
  await first.supervisor.drain(host.clock.now() + 1_000);
  expect(await stateOf(host)).toBe('closed');
  const { clock, observe, random } = host;
  first.runtime.define(definition, new Supervisor({ name: 'again', clock, observe, random }));
  expect(await first.runtime.adoptAll(() => true)).toBe(1);
  await eventually('it opened', async () => (await stateOf(host)) === 'open');
  await first.runtime.start('door', 'back', { input: {} });
  const { runtime } = agent(memoryHost(host, 'second'), definition);
  await runtime.adoptAll(({ id }) => id === 'back');
  await eventually('it opened', async () => (await stateOf(host, 'back')) === 'open');
});

const returning: MachineDefinition = { ...door(), returns: ({ context }) => ({ opened: context.opened ?? 0 }) };

test('an actor of a kind that may return follows its own final record: one more epoch, its requests kept, and what it takes over', async () => {
  const host = memoryHost();
  const { runtime } = agent(host, returning);
  await runtime.openMail();
  await runtime.start('door', 'front', { input: { opened: 3 }, requestId: 'r1' });
  await send(host, { type: 'door.remove' });
  await eventually('it is gone', async () => (await stateOf(host)) === 'gone');
  const ended = await host.store.read('door', 'front');
  await eventually('it runs no more', () => runtime.find('door', 'front') === undefined);
  const { created, record } = await runtime.start('door', 'front', { input: { opened: 0 }, requestId: 'r2' });
  expect(created).toBe(true);
  expect(record).toMatchObject({ state: 'closed', from: 'gone', after: ended?.revision, context: { opened: 3 } });
  expect(record).toMatchObject({ requests: ['r1', 'r2'], owner: { epoch: 2 }, event: 'actor.created' });
  await send(host, { type: 'door.open' });
  await eventually('it opened', async () => (await stateOf(host)) === 'open');
});

test('of several that bring an ended actor back one does, and the others are told by which record', async () => {
  const host = memoryHost();
  const ended = makeRecord({ kind: 'door', id: 'front', state: 'gone', final: true, context: { opened: 7 } });
  await host.store.append(ended);
  const hosts = Array.from({ length: 5 }, (_, n) => memoryHost(host, `i${n}`));
  const starts = await Promise.all(
    hosts.map(each => agent(each, returning).runtime.start('door', 'front', { input: { opened: 0 } })),
  );
  expect(starts.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(starts.map(({ record }) => record.write.incarnation)).size).toBe(1);
  const plain = agent(memoryHost(memoryHost(), 'plain'));
  await plain.runtime.host.store.append(ended);
  expect(await plain.runtime.start('door', 'front', { input: {} })).toMatchObject({ created: false });
});

test('an actor that another agent is to run has no owner, runs nowhere yet, and is taken over by whom it names', async () => {
  const host = memoryHost();
  const { runtime } = agent(host);
  const said = { input: {}, handTo: 'there', note: 'for there' };
  const { created, stored } = await runtime.create('door', 'front', said);
  expect(created).toBe(true);
  expect(stored.record).toMatchObject({ state: 'closed', owner: null, handTo: 'there', note: 'for there' });
  expect([...runtime.actors]).toEqual([]);
  expect(factsOf(host, 'actor.transition')).toMatchObject([{ id: 'front', state: 'closed', agent: 'there' }]);
  expect(await runtime.create('door', 'front', said)).toEqual({ created: false, stored });
  const there = agent(memoryHost(host, 'second'));
  await there.runtime.openMail();
  expect(await there.runtime.adoptAll(({ handTo }) => handTo === 'there')).toBe(1);
  expect(there.runtime.find('door', 'front')?.record).toMatchObject({ handTo: null, owner: { epoch: 1 } });
  await send(host, { type: 'door.open' });
  await eventually('it opened', async () => (await stateOf(host)) === 'open');
});
