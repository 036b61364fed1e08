/** Runs whose host is away: for a while, for good, or only frozen; on real agents that are killed and stopped. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentOfPlan } from '../../src/domain/placement.ts';
import { readSlot } from '../../src/repository/commit-slot.ts';
import { openRepository } from '../../src/repository/repository.ts';
import { runsOf, untilRan } from '../actors/schedules/ticks.ts';
import type { LogLine, TestAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { type HistoryRecord, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(2, 20_000);
});
afterEach(() => world?.close());

/** Each engine process of an agent that is started with it stops itself at its first new chunk. */
const stopping = { REEVE_FAILPOINTS: 'frame.before-write=stop@1' };

const start = (name: string, env: Record<string, string> = {}): Promise<TestAgent> => {
  const run = ['/bin/sh', '-c', `echo "$REEVE_RUN_ID $REEVE_OUTCOME" >> ${hookedOn(name)}`];
  const config = world.agentFile(name, { lease: '3s', hooks: { thaw: { run } } });
  return world.runAgent({ name, env, data: world.dataOf(name), config });
};

/** Where an agent's hook after writes of which run it was called. */
const hookedOn = (name: string) => join(world.directory, `hooked-${name}`);

/** A plan's name that hashing gives to the first of these agents. */
function nameFor(...agents: string[]): string {
  const members = agents.map(agent => ({ agent, labels: {}, alive: true }));
  const names = Array.from({ length: 100 }, (_, n) => `docs-${n}`);
  const isFirsts = (name: string) => agentOfPlan({ name, placement: { any: true } }, members) === agents[0];
  return names.find(isFirsts) ?? expect.unreachable();
}

/** The engine process of a run that a failpoint has stopped. */
async function stoppedEngineOf(id: string): Promise<number> {
  const isIts = ({ command, state }: { command: string[]; state: string }) =>
    state === 'T' && command.some(word => word.includes(join('runs', id)));
  return (await eventually(`the engine of ${id}`, () => world.engines().find(isIts), 20_000)).pid;
}

const isThere = (pid: number) => world.processes().some(each => each.pid === pid);
const slotOf = async (id: string) => (await readSlot(await openRepository(world.repository), id))?.slot;
const of = (id: string) => (line: LogLine) => line.id === id;

test('a run of a killed and of a frozen agent is lost after hostAway, its schedule goes on, and the agents that come back stop what is left; one whose plan waits longer goes on', async () => {
  const a = await start('a', stopping);
  const [b, c] = await Promise.all([start('b'), start('c', stopping)]);
  const docs = nameFor('a', 'b', 'c');
  const bounded = (hostAway: string) => ({
    ...{ onDrain: 'detach', hooks: { finally: ['thaw'] } },
    deadlines: { hostAway, cancelGrace: '0s' },
  });
  await world.plan(docs, { placement: { any: true }, ...bounded('8s') });
  await world.plan('mail', { placement: { agent: 'c' }, ...bounded('4s') });
  for (const plan of ['patient', 'idle']) await world.plan(plan, { placement: { agent: 'a' }, onDrain: 'detach' });
  await world.ask('schedule.put', { name: 'yearly', plan: 'idle', task: 'backup', cron: '0 0 1 1 *' });
  await world.ask('schedule.put', { name: 'often', plan: docs, task: 'backup', every: '2s' });
  const [mail, patient] = await Promise.all([world.start('mail'), world.start('patient')]);
  const first = await eventually('the run of the first tick', async () => (await runsOf(world, 'backup', 'often'))[0]);
  const lost = first.id;
  expect(first.context.agent).toBe('a');
  const [ofLost = 0, ofMail = 0, ofPatient = 0] = await Promise.all([lost, mail, patient].map(stoppedEngineOf));

  await a.kill();
  const isAway = ({ reason }: HistoryRecord) => reason === 'host-away';
  const away = await world.reached(lost, isAway);
  expect(away).toMatchObject({
    state: 'transferring',
    owner: { agent: 'a', epoch: 1 },
    context: { message: expect.stringContaining('agent a, which is away and was last heard of at ') },
    deadlines: { hostAway: expect.stringMatching(/Z$/) },
  });
  const note = 'the wrong disk';
  const { actor } = await world.ask('backup.cancel', { id: lost, note });
  expect(actor).toMatchObject({ id: lost, state: 'transferring', reason: 'host-away' });
  expect(await world.ask('actor.explain', { kind: 'backup', id: lost })).toMatchObject({
    waitsFor: expect.stringContaining('the run is lost unless it is back by '),
    until: { deadline: 'hostAway', at: away.deadlines.hostAway },
    canTake: expect.arrayContaining(['backup.cancel']),
  });
  const isToldAway = ({ fact, run, why }: LogLine) =>
    fact === 'schedule.blocked' && run === lost && String(why).includes('on agent a, which is away');
  await eventually('the schedule says so', () => [...b.log, ...c.log].some(isToldAway), 10_000);
  // From here on it may be the frozen agent that is asked: then another is asked again.
  c.signal('SIGSTOP');

  for (const id of [lost, mail])
    expect(await world.ending(id)).toMatchObject({
      ...{ state: 'lost', from: 'cleaning.removing', reason: 'host-away', owner: { agent: 'b', epoch: 2 } },
      context: { slot: 'open', deadline: 'hostAway', kept: [expect.stringContaining('on the host of agent')] },
    });
  const history = await world.history(lost);
  const given = history.find(({ event }) => event === 'host.away');
  expect(given).toMatchObject({ from: 'transferring', note, at: expect.stringMatching(/Z$/) });
  expect((given?.at ?? '') >= String(away.deadlines.hostAway)).toBe(true);
  expect(String(given?.context.message)).toContain('could not hear that it was cancelled');
  expect(history.filter(({ owner }) => owner?.agent === 'b').map(({ state }) => state)).toEqual([
    'cleaning.settling',
    'cleaning.removing',
    'lost',
  ]);
  await untilRan(world, 'backup', [docs], Date.parse(String(given?.at)));
  await world.read('schedule.delete', { name: 'often', requestId: 'no more' });
  expect(await world.record(patient)).toMatchObject({
    state: 'transferring',
    reason: 'host-away',
    owner: { agent: 'a' },
  });

  // The engine of the frozen agent does all its work, and its agent goes on where it was.
  process.kill(ofMail, 'SIGCONT');
  await eventually('the engine of mail has ended', () => !isThere(ofMail));
  c.signal('SIGCONT');
  await c.told('actor.fenced', of(mail));
  expect(await c.told('run.given-up', of(mail))).toMatchObject({ by: 'b', state: 'lost' });
  await c.told('sweep.removed', ({ where }) => String(where).endsWith(mail));
  expect([await slotOf(mail), world.runDirectories(world.dataOf('c'))]).toEqual(['void', []]);
  expect(readFileSync(hookedOn('c'), 'utf8')).toContain(`${mail} lost\n`);

  // What its agent never took has begun nothing, and need not wait for it.
  const [untaken] = (await world.read('schedule.trigger', { name: 'yearly', requestId: 'this year' })).ids as string[];
  const waiting = await world.reached(String(untaken), isAway);
  expect(waiting).toMatchObject({ state: 'pending', owner: null, handTo: 'a' });
  expect(waiting.context.message).toContain('nothing of the run has begun');
  expect((await world.read('backup.cancel', { id: untaken, requestId: 'second cancel' })).actor).toMatchObject({
    owner: { agent: expect.any(String) },
  });
  expect(await world.ending(String(untaken))).toMatchObject({ state: 'cancelled', reason: 'user-cancelled' });

  const back = await start('a');
  expect(await back.told('run.given-up', of(lost))).toMatchObject({ by: 'b', pids: expect.arrayContaining([ofLost]) });
  await back.told('sweep.removed', ({ where }) => String(where).endsWith(lost));
  expect([isThere(ofLost), isThere(ofPatient)]).toEqual([false, true]);
  expect(readFileSync(hookedOn('a'), 'utf8').match(new RegExp(`${lost} lost`, 'g'))).toHaveLength(1);
  expect([await slotOf(lost), world.runDirectories(world.dataOf('a'))]).toEqual(['void', [patient]]);
  expect(await back.told('engine.reattached', of(patient))).toMatchObject({ found: 'alive' });
  process.kill(ofPatient, 'SIGCONT');
  expect(await world.ending(patient)).toMatchObject({ state: 'completed', owner: { agent: 'a', epoch: 2 } });
  const listed = await world.listed();
  expect(listed.filter(id => [lost, mail].includes(id))).toEqual([]);
  expect((await world.catalogued()).sort()).toEqual(listed.sort());
  for (const id of [lost, mail]) expect((await world.record(id)).owner).toMatchObject({ agent: 'b', epoch: 2 });
});
