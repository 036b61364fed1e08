/** The end of an agent by a signal, NATS being there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { tellMeasured } from '../support/measured.ts';
import { repetitions } from '../support/repetitions.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const isEmpty = (list: unknown) => Array.isArray(list) && list.length === 0;
const suspended = ['pending', 'preparing', 'transferring', 'draining.suspending', 'suspended', 'preparing'];

test('SIGTERM ends an agent with 0, suspends its backup, leaves no process, and the backup goes on at the next start', async () => {
  world.fill(40, 4_000_000);
  const agent = await world.runAgent();
  await world.plan('docs');
  const id = await world.start('docs');
  await world.moving(id);
  const { actors } = await world.ask('agent.drain', { agent: agent.name, dryRun: true });
  expect(actors).toEqual([{ kind: 'backup', id, would: 'suspend', takesMs: 11_000 }]);
  expect((await world.record(id)).state).toBe('transferring');
  const { status, tookMs, stderr } = await agent.terminate();
  tellMeasured('SIGTERM with a backup running, to the exit', tookMs);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(tookMs).toBeLessThan(10_000);
  expect(world.processes()).toEqual([]);

  await world.runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed', reason: null });
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history).slice(0, 6)).toEqual(suspended);
  expect(history.find(({ state }) => state === 'draining.suspending')).toMatchObject({ event: 'run.drain' });
  expect(history.find(({ state }) => state === 'suspended')?.context).toMatchObject({ suspendedBy: 'drain' });
  expect(await world.catalogued()).toEqual([id]);
});

test('SIGTERM ends an agent with 0 whose engine is stopped, and leaves no process', async () => {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
  await world.plan('docs');
  const id = await world.start('docs');
  await world.stoppedEngine();
  const { status, tookMs } = await agent.terminate();
  tellMeasured('SIGTERM with a stopped engine, to the exit', tookMs);
  expect(status).toBe(0);
  await agent.told('drain.started', ({ cause, actors }) => cause === 'SIGTERM' && actors === 1);
  await agent.told('drain.ended', ({ stopped }) => stopped === 1);
  expect(tookMs).toBeLessThan(20_000);
  expect(world.processes()).toEqual([]);

  await world.runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  expect(statesOf(await world.history(id)).slice(0, 6)).toEqual(suspended);
});

test('a second SIGTERM ends at once an agent whose engine takes its time to stop, and the backup goes on at the next start', async () => {
  world.fill(60, 1_000_000);
  // Its engine stands still once more on the way to its end, so it does not come there when asked politely.
  const env = { REEVE_FAILPOINTS: 'frame.before-write=stop@5,backup.before-keep=stop' };
  const agent = await world.runAgent({ env });
  await world.plan('docs');
  const id = await world.start('docs');
  await world.stoppedEngine();
  agent.signal('SIGTERM');
  await world.reached(id, ({ state }) => state === 'draining.suspending');
  const { status, tookMs } = await agent.terminate();
  tellMeasured('a second SIGTERM, to the exit', tookMs);
  expect(status).toBe(1);
  expect(tookMs).toBeLessThan(1_000);
  await eventually('no process', () => world.processes().length === 0, 1_000);

  await world.runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  expect(holesIn(await world.history(id))).toEqual([]);
});

describe('a plan whose onDrain is', () => {
  test('cancel has its backup cancelled by the drain', async () => {
    world.fill(10, 1_000_000);
    const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
    await world.plan('docs', { onDrain: 'cancel' });
    const id = await world.start('docs');
    await world.stoppedEngine();
    expect((await agent.terminate()).status).toBe(0);
    expect(world.processes()).toEqual([]);
    expect(world.temporary()).toEqual([]);
    await world.runAgent();
    const record = await world.record(id);
    expect(record).toMatchObject({ state: 'cancelled', final: true, context: { reason: 'drain-cancelled' } });
    expect(await world.listed()).toEqual([]);
  });

  test('finish lets a backup complete that can', async () => {
    world.fill(10, 1_000_000);
    const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
    await world.plan('docs', { onDrain: 'finish' });
    const id = await world.start('docs');
    const { pid } = await world.stoppedEngine();
    agent.signal('SIGTERM');
    await world.reached(id, ({ state }) => state === 'draining.finishing');
    process.kill(pid, 'SIGCONT');
    expect((await agent.ended).status).toBe(0);
    expect(world.processes()).toEqual([]);
    await world.runAgent();
    expect(await world.record(id)).toMatchObject({ state: 'completed', final: true });
    expect(await world.catalogued()).toEqual([id]);
  });

  test('detach has its engine run on, and the next agent follows the same process to its end', async () => {
    world.fill(10, 1_000_000);
    const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
    await world.plan('docs', { onDrain: 'detach' });
    const id = await world.start('docs');
    const { pid } = await world.stoppedEngine();
    const { actors } = await world.ask('agent.drain', { agent: agent.name, dryRun: true });
    expect(actors).toEqual([{ kind: 'backup', id, would: 'detach', takesMs: 0 }]);
    const { status, tookMs } = await agent.terminate();
    tellMeasured('SIGTERM with an engine to detach, to the exit', tookMs);
    expect(status).toBe(0);
    await agent.told('drain.ended', ({ stopped, unstopped }) => stopped === 1 && isEmpty(unstopped));
    expect(world.engines().map(engine => engine.pid)).toContain(pid);

    const next = await world.runAgent();
    await next.told('engine.reattached', ({ found }) => found === 'alive');
    expect(world.engines().map(engine => engine.pid)).toContain(pid);
    process.kill(pid, 'SIGCONT');
    expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { attempt: 1, resumes: 0 } });
    const states = statesOf(await world.history(id));
    expect(states).toEqual(expect.arrayContaining(['detached', 'reattaching']));
    expect(states.slice(states.indexOf('detached'), states.indexOf('detached') + 3)).toEqual([
      'detached',
      'reattaching',
      'transferring',
    ]);
    expect(await world.catalogued()).toEqual([id]);
  });

  test('detach takes the end of an engine that ended while nobody was there', async () => {
    world.fill(10, 1_000_000);
    const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@5' } });
    await world.plan('docs', { onDrain: 'detach' });
    const id = await world.start('docs');
    const { pid } = await world.stoppedEngine();
    expect((await agent.terminate()).status).toBe(0);
    process.kill(pid, 'SIGCONT');
    await eventually('the engine has ended', () => world.engines().length === 0);
    const next = await world.runAgent();
    await next.told('engine.reattached', ({ found }) => found === 'ended');
    expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { attempt: 1, resumes: 0 } });
  });
});

test('agent.drain leaves the process alive, drained and refusing starts; agent.undrain resumes; agent.shutdown ends it with 0', async () => {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@9' } });
  await world.plan('docs');
  const id = await world.start('docs');
  await world.stoppedEngine();
  await world.ask('agent.drain', { agent: 'here', note: 'new disk' });
  await world.reached(id, ({ state }) => state === 'suspended');
  const drained = await world.reached('here', ({ state }) => state === 'draining.empty', 'agent');
  expect(drained.context).toMatchObject({ report: { stopped: 1, unstopped: [] } });
  expect(world.engines()).toEqual([]);
  const mode = async () => ((await world.ask('agent.list')).agents as { mode: string }[])[0]?.mode;
  await eventually('the mode draining', async () => (await mode()) === 'draining');
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('draining'),
  });

  await world.ask('agent.undrain', { agent: 'here' });
  await eventually('the mode running', async () => (await mode()) === 'running');
  // What it stored before the drain is found again, so the engine gets past the place where it stood still.
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });

  const toldAt = performance.now();
  await world.ask('agent.shutdown', { agent: 'here' });
  expect(await agent.ended).toMatchObject({ status: 0, stderr: '' });
  const { tookMs } = await agent.told('agent.stopped');
  expect(tookMs).toBeLessThanOrEqual(Math.ceil(performance.now() - toldAt));
  expect(world.processes()).toEqual([]);
});

test('what an agent that stays drained has left at rest takes a cancel, runs its hooks after, and keeps its deadlines', async () => {
  world.fill(3, 500_000);
  const hooked = join(world.directory, 'hooked');
  const run = ['/bin/sh', '-c', `echo "$REEVE_PLAN $REEVE_OUTCOME" >> ${hooked}`];
  const config = world.agentFile('here', { hooks: { thaw: { run } } });
  const [agent] = await Promise.all([
    world.runAgent({ config, env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } }),
    world.runAgent({ name: 'other', data: world.dataOf('other'), config: world.agentFile('other', {}) }),
  ]);
  const more = { hooks: { finally: ['thaw'] }, retry: { attempts: 1 }, placement: { agent: 'here' } };
  await world.plan('docs', { ...more, onDrain: 'detach', deadlines: { cancelGrace: '0s' } });
  await world.plan('mail', { ...more, deadlines: { cancelGrace: '0s', suspended: '1s' } });
  const [docs, mail] = await Promise.all([world.start('docs'), world.start('mail')]);
  await eventually('both engines are stopped', () => world.engines().filter(({ state }) => state === 'T').length === 2);
  await world.ask('agent.drain', { agent: 'here' });
  await world.reached('here', ({ state }) => state === 'draining.empty', 'agent');
  expect(await world.record(docs)).toMatchObject({ state: 'detached' });
  expect(world.engines()).toHaveLength(1);

  expect(await world.ask('backup.cancel', { id: docs })).toMatchObject({ actor: { state: 'cancelling' } });
  expect(await world.ending(docs)).toMatchObject({ state: 'cancelled', reason: 'user-cancelled' });
  expect(await world.ending(mail)).toMatchObject({ state: 'timed-out', context: { deadline: 'suspended' } });
  expect([world.engines(), world.runDirectories()]).toEqual([[], []]);
  expect(readFileSync(hooked, 'utf8').trim().split('\n').sort()).toEqual(['docs cancelled', 'mail timed-out']);
  expect((await world.record('here', 'agent')).state).toBe('draining.empty');

  // A run that another agent makes for it meanwhile rests as well.
  await world.ask('schedule.put', { name: 'yearly', plan: 'docs', task: 'backup', cron: '0 0 1 1 *' });
  await world.reached('yearly--docs', ({ state }) => state === 'waiting', 'schedule');
  const [made = ''] = (await world.ask('schedule.trigger', { name: 'yearly' })).ids as string[];
  await world.reached(made, ({ state, owner }) => state === 'suspended' && owner?.agent === 'here');
  await world.ask('backup.cancel', { id: made });
  expect(await world.ending(made)).toMatchObject({ state: 'cancelled', context: { admitted: false } });
  expect(await agent.terminate()).toMatchObject({ status: 0, stderr: '' });
  expect(agent.log.filter(({ fact }) => fact === 'defect')).toEqual([]);
});

test('a drain that is taken back while it waits for a run lets that and the schedules go on as soon as it is over', async () => {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({
    env: { REEVE_FAILPOINTS: 'frame.before-write=stop@9' },
    config: world.agentFile('here', { grace: '4s' }),
  });
  await world.plan('docs', { onDrain: 'finish' });
  await world.ask('schedule.put', { name: 'yearly', plan: 'docs', task: 'backup', cron: '0 0 1 1 *' });
  await world.reached('yearly--docs', ({ state }) => state === 'waiting', 'schedule');
  const id = await world.start('docs');
  await world.stoppedEngine();
  await world.ask('agent.drain', { agent: 'here' });
  await world.reached(id, ({ state }) => state === 'draining.finishing');
  await world.ask('agent.undrain', { agent: 'here' });
  await agent.told('drain.ended');
  const isBack = ({ state }: { state: string }) => state === 'waiting';
  await world.reached('yearly--docs', isBack, 'schedule', 5_000);
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  const states = await world.history(id);
  const at = (wanted: string) => Date.parse(states.findLast(({ state }) => state === wanted)?.at ?? '');
  expect(at('preparing') - at('suspended')).toBeLessThan(5_000); // and not at the next comparison
});

test('SIGTERM that comes while an agent starts ends it with 0 all the same', async () => {
  for (let round = 0; round < repetitions(20); round += 1) {
    const agent = world.startAgent();
    await agent.told('agent.started');
    expect(await agent.terminate()).toMatchObject({ status: 0, stderr: '' });
    expect(world.processes()).toEqual([]);
  }
});
