import { afterEach, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import { type MachineDefinition, openRuntime } from '../../src/index.ts';
import { startNatsServer } from '../support/nats-server.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const machine = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'counter.add' | 'counter.close' } },
  actions: { add: assign(({ context }) => ({ count: context.count + 1 })) },
}).createMachine({
  id: 'counter',
  context: { count: 0 },
  initial: 'open',
  states: {
    open: {
      meta: { waitsFor: 'a number to add' },
      on: { 'counter.add': { actions: 'add' }, 'counter.close': { target: 'closed' } },
    },
    closed: { type: 'final' },
  },
});

const command = <Type extends string>(type: Type) =>
  z.strictObject({ type: z.literal(type), requestId: z.string().optional() });
const counter: MachineDefinition = {
  kind: 'counter',
  version: 1,
  machine,
  commands: { 'counter.add': command('counter.add'), 'counter.close': command('counter.close') },
};

test('a machine of one’s own on NATS outlives the process that ran it', async () => {
  const server = await startNatsServer();
  ends.push(() => server.stop());
  const nats = { servers: [server.url], prefix: 'mine' };

  const first = await openRuntime({ name: 'library', kinds: [counter], nats });
  const begun = await first.start('counter', 'c-1', { input: {} });
  expect(begun).toMatchObject({ created: true, record: { state: 'open', owner: { agent: 'library', epoch: 1 } } });
  await first.send('counter', 'c-1', { type: 'counter.add', requestId: 'once' });
  const repeated = await first.send('counter', 'c-1', { type: 'counter.add', requestId: 'once' });
  expect(repeated.context).toEqual({ count: 1 });
  expect(await first.drain(2_000)).toEqual([]);

  const second = await openRuntime({ name: 'library', kinds: [counter], nats });
  ends.push(() => second.drain(2_000));
  expect(second.find('counter', 'c-1')?.record).toMatchObject({
    state: 'open',
    context: { count: 1 },
    owner: { epoch: 2 },
  });
  const closed = await second.send('counter', 'c-1', { type: 'counter.close' });
  expect(closed).toMatchObject({ state: 'closed', final: true });
  await expect(second.send('counter', 'c-1', { type: 'counter.add' })).rejects.toThrow(/closed/);
  expect((await second.history('counter', 'c-1')).map(({ event }) => event)).toEqual([
    'counter.close',
    'actor.adopted',
    'counter.add',
    'actor.created',
  ]);
});
