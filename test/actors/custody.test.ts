/** Whose runs an agent takes over, and when: at its start, when it is told, every 30 s; and those of agents that are away. */

import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { Custody } from '../../src/actors/custody.ts';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { eventually } from '../support/eventually.ts';
import { type MemoryHost, memoryHost } from '../support/runtime-host.ts';

const pendingMs = 60_000;

/** What of a run matters here: it waits for its turn, at most so long. */
const run: MachineDefinition = {
  kind: 'backup',
  version: 1,
  machine: setup({
    types: { context: {} as { agent: string; admitted: boolean }, input: {} as { agent: string } },
  }).createMachine({
    id: 'backup',
    context: ({ input }) => ({ agent: input.agent, admitted: false }),
    initial: 'pending',
    states: {
      pending: { meta: { deadlines: ['pending'] }, on: { 'deadline.passed': { target: 'timed-out' } } },
      'timed-out': { type: 'final' },
    },
  }),
  deadlineMs: () => pendingMs,
};

/** An agent that compares often, and which others it believes to live. */
async function agent(name: string, living: string[], from?: MemoryHost) {
  const host = memoryHost(from, `incarnation of ${name}`);
  host.owner.agent = name;
  const runtime = new Runtime(host);
  const { clock, observe, random } = host;
  const supervisor = new Supervisor({ name: 'runs', clock, observe, random, stopOrder: 'together' });
  runtime.define(run, supervisor);
  const custody = new Custody({
    runtime,
    agent: name,
    kinds: ['backup'],
    clock,
    observe,
    candidates: async () => living.map(each => ({ agent: each, labels: {}, alive: true })),
    beforeAdoption: () => undefined,
    everyMs: 10,
  });
  await custody.open();
  return { host, runtime, custody, isRun: (id: string) => runtime.find('backup', id) !== undefined };
}

const create = (runtime: Runtime, id: string, handTo: string) =>
  runtime.create('backup', id, { input: { agent: handTo }, handTo });

test('a run that was created for an agent is taken over at its start, when it is told, or when it compares; nobody else takes it', async () => {
  const here = await agent('here', ['here', 'there']);
  await create(here.runtime, 'before', 'there');
  const there = await agent('there', ['here', 'there'], here.host);
  expect(there.isRun('before')).toBe(true);
  await create(here.runtime, 'told', 'there');
  expect(await there.custody.take('backup', 'told')).toBe(true);
  expect(await here.custody.take('backup', 'told')).toBe(false);
  expect(await there.custody.take('backup', 'none')).toBe(false);
  // By the record that its creator has at hand, which somebody may have followed since.
  const { stored } = await create(here.runtime, 'at-hand', 'there');
  expect(await here.custody.take('backup', 'at-hand', stored)).toBe(false);
  expect(await there.custody.take('backup', 'at-hand', stored)).toBe(true);
  const { stored: followed } = await create(here.runtime, 'followed', 'there');
  expect(await there.custody.take('backup', 'followed')).toBe(true);
  const own = { ...followed, record: { ...followed.record, handTo: 'here' } };
  expect(await here.custody.take('backup', 'followed', own)).toBe(false);
  await create(here.runtime, 'found', 'there');
  await eventually('it was found', () => there.isRun('found'));
  expect([...here.runtime.actors]).toEqual([]);
  here.custody.close();
  there.custody.close();
  await create(here.runtime, 'late', 'there');
  expect(await there.custody.take('backup', 'late')).toBe(false);
});

test('a run that waits on an agent that is away is ended by its deadline, through one of the others, and not before', async () => {
  const here = await agent('here', ['here', 'too']);
  const too = await agent('too', ['here', 'too'], here.host);
  const ids = Array.from({ length: 12 }, (_, n) => `run-${n}`);
  for (const id of ids) await create(here.runtime, id, 'away');
  for (const id of ids) await create(here.runtime, `${id}-there`, 'too');
  await eventually('its own are taken', () => ids.every(id => too.isRun(`${id}-there`)));
  const stateOf = async (id: string) => (await here.host.store.read('backup', id))?.record;
  expect((await stateOf('run-0'))?.owner).toBeNull();
  await here.host.clock.advance(pendingMs + 1);
  for (const id of ids)
    await eventually(`${id} has ended`, async () => {
      await here.host.clock.advance(1); // an alarm of the past rings in a turn of its own
      return (await stateOf(id))?.state === 'timed-out';
    });
  const ended = await Promise.all(ids.map(async id => (await stateOf(id))?.owner?.agent));
  expect(new Set(ended)).toEqual(new Set(['here', 'too']));
  here.custody.close();
  too.custody.close();
});
