/** Which agent runs the actor of which schedule and plan, through everything that agents and documents do. */

import { afterEach, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { Keeper, returning, type SelectionHeard } from '../../../src/actors/schedules/keeper.ts';
import type { MachineDefinition } from '../../../src/runtime/definition.ts';
import type { Member } from '../../../src/runtime/membership.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { eventually } from '../../support/eventually.ts';
import { type MemoryHost, memoryHost } from '../../support/runtime-host.ts';

interface Document {
  plan?: string;
  plans?: { labels: Record<string, string> };
}

/** What of a schedule matters here: it knows its document, it can end and return, and a drain lets it go. */
const schedule: MachineDefinition = {
  kind: 'schedule',
  version: 1,
  machine: setup({
    types: {
      context: {} as { revision: number; tickedThrough: number },
      input: {} as { revision: number; tickedThrough?: number },
      events: {} as { type: 'schedule.changed'; revision: number } | { type: string },
    },
    actions: { change: assign(({ event }) => ({ revision: (event as { revision: number }).revision })) },
  }).createMachine({
    id: 'schedule',
    context: ({ input }) => ({ revision: input.revision, tickedThrough: (input.tickedThrough ?? 0) + 1 }),
    initial: 'waiting',
    states: {
      waiting: {
        on: {
          'schedule.changed': { actions: 'change' },
          'schedule.retire': { target: 'retired' },
          'schedule.drain': { target: 'released' },
        },
      },
      released: { on: { 'agent.returned': { target: 'waiting' } } },
      retired: { type: 'final' },
    },
  }),
  drainEvent: 'schedule.drain',
  returnedEvent: 'agent.returned',
  returns: returning,
};

/** The documents and the agents of a cluster, as every agent comes to know them. */
class Cluster {
  readonly first: MemoryHost = memoryHost();
  readonly members = new Map<string, Member>();
  readonly #heard = new Set<SelectionHeard<Document>>();
  readonly #plans = new Map<string, Record<string, string>>();
  readonly #schedules = new Map<string, { document: Document; revision: number }>();
  #revision = 0;

  plan(name: string, labels: Record<string, string> | undefined): void {
    if (labels) this.#plans.set(name, labels);
    else this.#plans.delete(name);
    for (const heard of this.#heard) heard.plan(name, labels);
  }

  schedule(name: string, document: Document | undefined): void {
    this.#revision += 1;
    const stored = document && { document, revision: this.#revision };
    if (stored) this.#schedules.set(name, stored);
    else this.#schedules.delete(name);
    for (const heard of this.#heard) heard.schedule(name, stored);
  }

  mode(agent: string, mode: string, more: Partial<Member> = {}): void {
    this.members.set(agent, { agent, mode, labels: {}, alive: true, actors: 0, ...more } as Member);
  }

  async agent(name: string) {
    const host = memoryHost(this.first, `incarnation of ${name}, ${Math.random()}`);
    host.owner.agent = name;
    const runtime = new Runtime(host);
    const { clock, observe, random } = host;
    const supervisor = new Supervisor({ name: 'schedules', clock, observe, random, stopOrder: 'together' });
    runtime.define(schedule, supervisor);
    const keeper = new Keeper<Document>({
      runtime,
      agent: name,
      clock,
      observe,
      members: async () => [...this.members.values()],
      inputOf: (pair, _, revision) => ({ ...pair, revision }),
      everyMs: 5,
      follow: async heard => {
        this.#heard.add(heard);
        for (const [plan, labels] of this.#plans) heard.plan(plan, labels);
        for (const [each, stored] of this.#schedules) heard.schedule(each, stored);
        return () => this.#heard.delete(heard);
      },
    });
    this.mode(name, 'joining');
    await keeper.open();
    this.mode(name, 'running');
    const agent = {
      name,
      host,
      keeper,
      runtime,
      running: () => [...runtime.actors].map(({ id }) => id).sort(),
      /** As a drain does: nothing new, then all is released; the process may end after it. */
      drain: async () => {
        this.mode(name, 'draining', { actors: runtime.actors ? [...runtime.actors].length : 0 });
        runtime.refuseStarts();
        await keeper.close();
        const drained = supervisor.drain(clock.now() + 1_000);
        await eventually('it is drained', async () => {
          await clock.advance(1);
          return [...runtime.actors].length === 0;
        });
        await drained;
        this.mode(name, 'draining', { actors: 0 });
      },
      /** As a kill does: its effects end, and nothing is written. */
      kill: async () => {
        await keeper.close();
        for (const actor of runtime.actors) await actor.stop(AbortSignal.timeout(100));
        this.members.set(name, { ...(this.members.get(name) as Member), alive: false });
      },
    };
    opened.push(agent.keeper);
    return agent;
  }

  async record(id: string) {
    return (await this.first.store.read('schedule', id))?.record;
  }
}

const opened: Keeper<Document>[] = [];
afterEach(async () => {
  for (const keeper of opened.splice(0)) await keeper.close();
});

const everything: Document = { plans: { labels: {} } };

/** Plans p0, p1 and so on. */
function plans(cluster: Cluster, count: number): string[] {
  const names = Array.from({ length: count }, (_, n) => `p${n}`);
  for (const name of names) cluster.plan(name, {});
  return names;
}

test('one agent runs an actor of each pair: those that are there at its start, and those that come by a document', async () => {
  const cluster = new Cluster();
  cluster.plan('orders', { tier: 'db' });
  cluster.schedule('nightly', { plans: { labels: { tier: 'db' } } });
  const { running } = await cluster.agent('here');
  expect(running()).toEqual(['nightly--orders']);
  cluster.plan('ledger', { tier: 'db' });
  cluster.plan('docs', {});
  cluster.schedule('weekly', { plan: 'docs' });
  await eventually('they run', () => running().join() === 'nightly--ledger,nightly--orders,weekly--docs');
});

test('a changed document reaches the actors, an ended pair ends, and one that is wanted again returns where it was', async () => {
  const cluster = new Cluster();
  cluster.plan('docs', {});
  cluster.schedule('nightly', everything);
  const { running } = await cluster.agent('here');
  cluster.schedule('nightly', { plan: 'docs' });
  await eventually('it is told', async () => (await cluster.record('nightly--docs'))?.context.revision === 2);
  cluster.schedule('nightly', undefined);
  await eventually('it has ended', async () => (await cluster.record('nightly--docs'))?.final === true);
  await eventually('nothing runs', () => running().length === 0);
  cluster.schedule('nightly', everything);
  await eventually('it runs again', () => running().length === 1);
  expect(await cluster.record('nightly--docs')).toMatchObject({ context: { tickedThrough: 2, revision: 4 } });
  // Off and on within one look: nobody may take it for one that somebody else runs.
  cluster.plan('docs', undefined);
  cluster.plan('docs', {});
  cluster.schedule('nightly', undefined);
  await eventually('it is being ended', async () => (await cluster.record('nightly--docs'))?.final === true);
  cluster.schedule('nightly', everything);
  await eventually('it runs again', () => running().length === 1);
});

test('of what it takes over, what is due comes first, by its time, and the others as they are stored', async () => {
  const cluster = new Cluster();
  const names = plans(cluster, 5);
  cluster.schedule('nightly', everything);
  await (await cluster.agent('here')).kill();
  const { store } = cluster.first;
  for (const [n, next] of ['-01T00:00:30', '-01T00:00:10', undefined, '-02T00:00:00', '-01T00:00:20'].entries()) {
    const stored = await store.read('schedule', `nightly--${names[n]}`);
    if (!stored) throw new Error(`there is no ${names[n]}`);
    const deadlines = next === undefined ? {} : { later: '2027-01-01T00:00:00.000Z', next: `2026-01${next}.000Z` };
    await store.append({ ...stored.record, deadlines, after: stored.revision, write: { incarnation: 'test', n } });
  }
  const { host } = await cluster.agent('here');
  const adopted = host.facts.flatMap(each =>
    each.fact === 'actor.transition' && each.event === 'actor.adopted' ? each.id : [],
  );
  expect(adopted).toEqual([1, 4, 0, 2, 3].map(n => `nightly--p${n}`));
});

test('of three agents each runs some, every pair runs once, and who joins takes nothing that runs', async () => {
  const cluster = new Cluster();
  const a = await cluster.agent('a');
  const b = await cluster.agent('b');
  const names = plans(cluster, 40);
  cluster.schedule('nightly', everything);
  const all = names.map(name => `nightly--${name}`).sort();
  await eventually('all run', () => [...a.running(), ...b.running()].sort().join() === all.join());
  expect(a.running().length).toBeGreaterThan(5);
  expect(b.running().length).toBeGreaterThan(5);
  const before = [a.running(), b.running()];
  const c = await cluster.agent('c');
  cluster.schedule('nightly', { plans: { labels: {} } });
  await eventually('all are told', async () => {
    const records = await Promise.all(all.map(id => cluster.record(id)));
    return records.every(record => record?.context.revision === 2);
  });
  expect([a.running(), b.running(), c.running()]).toEqual([...before, []]);
});

test('what a dead agent had goes to those that live, all of it, each once; a returning one takes nothing back', async () => {
  const cluster = new Cluster();
  const a = await cluster.agent('a');
  const b = await cluster.agent('b');
  const c = await cluster.agent('c');
  const all = plans(cluster, 40).map(name => `nightly--${name}`);
  cluster.schedule('nightly', everything);
  const running = () => [...a.running(), ...b.running(), ...c.running()];
  await eventually('all run', () => running().length === all.length);
  const lost = b.running();
  expect(lost.length).toBeGreaterThan(5);
  await b.kill();
  const left = () => [...a.running(), ...c.running()].sort();
  await eventually('all run elsewhere', () => left().join() === [...all].sort().join());
  for (const id of lost) expect(await cluster.record(id)).toMatchObject({ owner: { epoch: 2 } });
  const again = await cluster.agent('b');
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(again.running()).toEqual([]);
  expect(left()).toEqual([...all].sort());
});

test('what a draining agent releases is taken up by others at once, and by itself where there is nobody else', async () => {
  const cluster = new Cluster();
  const a = await cluster.agent('a');
  plans(cluster, 20);
  cluster.schedule('nightly', everything);
  await eventually('all run', () => a.running().length === 20);
  const b = await cluster.agent('b');
  await a.drain();
  await eventually('all run at the other', () => b.running().length === 20);
  await b.drain();
  cluster.members.clear();
  const again = await cluster.agent('b');
  expect(again.running()).toHaveLength(20);
  expect((await cluster.record('nightly--p3'))?.state).toBe('waiting');
});

test('a pair that was ended while its agent was away is ended by whoever takes it over', async () => {
  const cluster = new Cluster();
  const a = await cluster.agent('a');
  cluster.plan('docs', {});
  cluster.schedule('nightly', everything);
  await eventually('it runs', () => a.running().length === 1);
  await a.kill();
  cluster.schedule('nightly', undefined);
  const b = await cluster.agent('b');
  await eventually('it has ended', async () => (await cluster.record('nightly--docs'))?.final === true);
  expect(b.running()).toEqual([]);
});

test('random changes of documents and agents leave every wanted pair running once and no other', async () => {
  const cluster = new Cluster();
  const agents = new Map<string, Awaited<ReturnType<Cluster['agent']>>>();
  const start = async (name: string) => agents.set(name, await cluster.agent(name));
  for (const name of ['a', 'b', 'c']) await start(name);
  const pick = <T>(list: readonly T[]) => list[Math.floor(Math.random() * list.length)] as T;
  const [planNames, scheduleNames] = [
    ['p0', 'p1', 'p2', 'p3'],
    ['s0', 's1', 's2'],
  ];
  const [planned, scheduled] = [new Set<string>(), new Set<string>()];
  for (let step = 0; step < 120; step += 1) {
    const dice = Math.random();
    const [plan, name] = [pick(planNames), pick(scheduleNames)];
    if (dice < 0.35) {
      cluster.plan(plan, planned.has(plan) ? undefined : {});
      if (!planned.delete(plan)) planned.add(plan);
    } else if (dice < 0.8) {
      cluster.schedule(name, scheduled.has(name) ? undefined : everything);
      if (!scheduled.delete(name)) scheduled.add(name);
    } else {
      const agent = pick(['a', 'b', 'c']);
      const there = agents.get(agent);
      agents.delete(agent);
      if (there) await (Math.random() < 0.5 ? there.kill() : there.drain());
      else await start(agent);
    }
    if (step % 3 === 0) await new Promise(resolve => setTimeout(resolve, Math.random() * 20));
  }
  if (agents.size === 0) await start('a');
  for (const name of ['a', 'b', 'c']) if (!agents.has(name)) cluster.members.delete(name);
  const wanted = [...scheduled].flatMap(each => [...planned].map(plan => `${each}--${plan}`)).sort();
  const running = () => [...agents.values()].flatMap(agent => agent.running()).sort();
  await eventually('all that is wanted runs', () => running().join() === wanted.join(), 5_000).catch(error => {
    throw new Error(
      `${error}: wanted ${wanted}, running ${[...agents].map(([name, each]) => `${name}: ${each.running()}`)}`,
    );
  });
});
