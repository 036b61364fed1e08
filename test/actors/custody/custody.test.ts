/** Whose runs an agent takes over, and when: at its start, when it is told, every 30 s; and those of agents that are away. */

import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { Custody } from '../../../src/actors/custody/custody.ts';
import type { MachineDefinition } from '../../../src/runtime/definition.ts';
import type { Member } from '../../../src/runtime/membership.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { eventually } from '../../support/eventually.ts';
import { type MemoryHost, memoryHost } from '../../support/runtime-host.ts';

const [pendingMs, hostAwayMs] = [60_000, 600_000];

interface Context {
  agent: string;
  policy: { deadlinesMs: { hostAway: number } };
}

/** What of a run matters here: it waits for its turn, at most so long, and then works until its agent goes. */
const run: MachineDefinition = {
  kind: 'backup',
  version: 1,
  machine: setup({
    types: { context: {} as Context, input: {} as { agent: string } },
  }).createMachine({
    id: 'backup',
    context: ({ input }) => ({ agent: input.agent, policy: { deadlinesMs: { hostAway: hostAwayMs } } }),
    initial: 'pending',
    states: {
      pending: {
        meta: { deadlines: ['pending'] },
        on: {
          'deadline.passed': { target: 'timed-out' },
          begin: { target: 'working' },
          'host.away': { target: 'cleaning' },
        },
      },
      working: { on: { 'host.away': { target: 'cleaning' } } },
      cleaning: { on: { cleaned: { target: 'lost' } } },
      'timed-out': { type: 'final' },
      lost: { type: 'final' },
    },
  }),
  deadlineMs: () => pendingMs,
};

/** Who lives, and when each agent was last heard of, by the server's clock. */
interface Cluster {
  living: string[];
  heardMs: Map<string, number>;
  nowMs: () => number;
}

const memberOf = (agent: string): Member => ({
  agent,
  ...{ incarnation: agent, host: agent, process: { pid: 1, startedAt: '1', bootId: '1' }, version: '0', labels: {} },
  ...{ mode: 'running', machines: { backup: 1 }, actors: 0, since: '', lastSeen: '', alive: true },
});

/** An agent that compares often, in a cluster; `from` has the stores. */
async function agent(
  name: string,
  living: string[] | Cluster,
  from?: MemoryHost,
  incarnation = `incarnation of ${name}`,
) {
  const host = memoryHost(from, incarnation);
  host.owner.agent = name;
  const runtime = new Runtime(host);
  const { clock, observe, random } = host;
  const supervisor = new Supervisor({ name: 'runs', clock, observe, random, stopOrder: 'together' });
  runtime.define(run, supervisor);
  const cluster: Cluster = Array.isArray(living) ? { living, heardMs: new Map(), nowMs: () => clock.now() } : living;
  const stopped: string[] = [];
  const custody = new Custody({
    runtime,
    agent: name,
    kinds: ['backup'],
    clock,
    observe,
    membership: {
      list: async () => cluster.living.map(memberOf),
      lastHeardMs: each => (cluster.living.includes(each) ? cluster.nowMs() : cluster.heardMs.get(each)),
    },
    beforeAdoption: () => undefined,
    leftOf: () => [17],
    stopLeft: async id => stopped.push(id),
    everyMs: 10,
  });
  await custody.open();
  return { host, runtime, custody, stopped, isRun: (id: string) => runtime.find('backup', id) !== undefined };
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

/** Two agents that watch a third, which began twelve runs and was last heard of when the clock began; its server's clock is `serverMs`. */
async function abandoned() {
  const ids = Array.from({ length: 12 }, (_, n) => `run-${n}`);
  const alone = await agent('away', ['away']);
  const beganMs = alone.host.clock.now();
  let serverMs = beganMs;
  const cluster: Cluster = { living: ['here', 'too'], heardMs: new Map([['away', beganMs]]), nowMs: () => serverMs };
  for (const id of ids) {
    await alone.runtime.start('backup', id, { input: { agent: 'away' } });
    alone.runtime.tell('backup', id, { type: 'begin' });
  }
  alone.custody.close();
  const here = await agent('here', cluster, alone.host);
  const too = await agent('too', cluster, alone.host);
  const stateOf = async (id: string) => (await here.host.store.read('backup', id))?.record;
  const serverIs = (ms: number) => {
    serverMs = beganMs + ms;
  };
  return { ids, alone, here, too, cluster, stateOf, serverIs };
}

/** Long enough for each agent to have looked and compared. */
const looks = () => new Promise(resolve => setTimeout(resolve, 60));

test('what an agent began is its own until it was away for hostAway by the server, and then one of the others ends it', async () => {
  const { ids, here, too, stateOf, serverIs } = await abandoned();
  await looks();
  here.host.clock.jump(here.host.clock.now() + 7 * 86_400_000); // nobody asks the clock of a host
  serverIs(hostAwayMs - 1);
  await looks();
  for (const id of ids)
    expect(await stateOf(id)).toMatchObject({ state: 'working', owner: { agent: 'away', epoch: 1 } });
  serverIs(hostAwayMs);
  for (const id of ids) await eventually(`${id} is taken`, async () => (await stateOf(id))?.state === 'cleaning');
  const taken = await Promise.all(ids.map(async id => (await stateOf(id)) ?? expect.unreachable()));
  for (const { owner, event, from } of taken) expect([owner?.epoch, event, from]).toEqual([2, 'host.away', 'working']);
  expect(new Set(taken.map(({ owner }) => owner?.agent))).toEqual(new Set(['here', 'too']));
  for (const { id, owner } of taken)
    expect([here, too].map(each => each.isRun(id))).toEqual([owner?.agent === 'here', owner?.agent === 'too']);
  here.custody.close();
  too.custody.close();
});

test('the wait goes on over a restart of who waits, but who has only just begun to look gives the others a while', async () => {
  const { ids, here, too, cluster, stateOf, serverIs } = await abandoned();
  here.custody.close();
  too.custody.close();
  serverIs(hostAwayMs + 1_000);
  const again = await agent('here', { ...cluster, living: ['here'] }, here.host, 'another');
  await looks();
  expect((await stateOf('run-0'))?.state).toBe('working');
  serverIs(hostAwayMs + 1_000 + 300_000);
  for (const id of ids) await eventually(`${id} is taken`, async () => (await stateOf(id))?.owner?.agent === 'here');
  again.custody.close();
});

test('an agent that is back in time keeps its runs, and what it finds taken it stops and tells of', async () => {
  const { ids, alone, here, too, cluster, stateOf, serverIs } = await abandoned();
  await looks();
  cluster.living.push('away');
  serverIs(2 * hostAwayMs);
  await looks();
  expect((await stateOf('run-0'))?.owner?.agent).toBe('away');
  const back = await agent('away', cluster, alone.host, 'back');
  expect(ids.filter(id => back.isRun(id))).toEqual(ids);
  back.custody.close();

  cluster.heardMs.set('away', cluster.nowMs());
  cluster.living.pop();
  serverIs(4 * hostAwayMs);
  await eventually('all are taken', async () => {
    const owners = await Promise.all(ids.map(async id => (await stateOf(id))?.owner?.agent));
    return owners.every(owner => owner !== 'away');
  });
  for (const id of ids) for (const each of [here, too]) each.runtime.tell('backup', id, { type: 'cleaned' });
  await eventually('all are lost', async () => (await Promise.all(ids.map(stateOf))).every(record => record?.final));
  // It was only stopped: it goes on where it was, and sees what has become of its runs when it compares.
  await back.custody.open();
  await eventually('none of them runs here', () => ids.every(id => !back.isRun(id)));
  expect(new Set(back.stopped)).toEqual(new Set(ids));
  const told = back.host.facts.filter(({ fact }) => fact === 'run.given-up');
  expect(told.length).toBe(ids.length);
  expect(told[0]).toMatchObject({ kind: 'backup', state: 'lost', pids: [17] });
  expect(back.host.facts.filter(({ fact }) => fact === 'actor.fenced').length).toBe(ids.length);
  for (const each of [back, here, too]) each.custody.close();
});

test('what one agent had begun to end, and did not, the next one ends', async () => {
  const { ids, here, too, cluster, stateOf, serverIs } = await abandoned();
  await looks();
  serverIs(hostAwayMs);
  await eventually('all are taken', async () =>
    (await Promise.all(ids.map(stateOf))).every(each => each?.state === 'cleaning'),
  );
  too.custody.close();
  cluster.heardMs.set('too', cluster.nowMs());
  cluster.living.splice(cluster.living.indexOf('too'), 1);
  for (const id of ids) await eventually(`${id} is here`, async () => (await stateOf(id))?.owner?.agent === 'here');
  here.custody.close();
});
