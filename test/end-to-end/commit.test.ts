/** The commit slot decides once: whichever of an end and a commit comes first, the run ends as the slot says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isStopped, startEngine } from '../engines/files/engine-process.ts';
import { eventually } from '../support/eventually.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(4, 200_000);
});
afterEach(() => world?.close());

/** A backup whose commit process is stopped at a failpoint. */
async function stoppedCommit(failpoint: string, plan: object = {}) {
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: `${failpoint}=stop` } });
  await world.plan('docs', plan);
  const id = await world.start('docs');
  const engine = await world.stoppedEngine();
  expect(await world.record(id)).toMatchObject({ state: 'committing' });
  return { agent, id, engine };
}

/** The run ended as `state`, and everybody who may be asked agrees. */
async function expectDecided(id: string, state: 'completed' | 'cancelled'): Promise<void> {
  expect(await world.ending(id)).toMatchObject({ state, final: true });
  const exists = state === 'completed' ? [id] : [];
  expect(await world.catalogued()).toEqual(exists);
  expect(await world.listed()).toEqual(exists);
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(history.filter(({ final }) => final).map(each => each.state)).toEqual([state]);
  expect(world.temporary()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
  await eventually('no engine', () => world.engines().length === 0);
}

test('a run that was ended while a commit of it stood still just before its link stays cancelled when that goes on', async () => {
  const { id } = await stoppedCommit('slot.before-link', { deadlines: { cancelGrace: '0s' } });
  // The same commit by a process that no agent knows of: as on a host that was taken for dead.
  const job = readFileSync(join(world.data, 'runs', id, 'job.json'), 'utf8');
  const stranger = startEngine(world.directory, job, { failpoints: 'slot.before-link=stop' });
  await isStopped(stranger.process);

  await world.ask('backup.cancel', { id });
  // The process that voids the slot passes the same failpoint.
  await eventually('the void', async () => (await world.record(id)).state === 'cleaning.settling');
  const voiding = await eventually('the void, stopped', () =>
    world.engines().find(({ pid, state }) => state === 'T' && pid !== stranger.process.pid),
  );
  process.kill(voiding.pid, 'SIGCONT');
  await world.ending(id);

  stranger.process.kill('SIGCONT');
  expect((await stranger.ended).status).toBe(0);
  expect(stranger.events.at(-1)).toMatchObject({ type: 'result', result: { slot: { slot: 'void', run: id } } });
  await expectDecided(id, 'cancelled');
});

test('a cancel that comes after the link ends the run as completed, and says so', async () => {
  const { id } = await stoppedCommit('slot.after-link', { deadlines: { cancelGrace: '0s' } });
  expect(await world.listed()).toEqual([id]);
  await world.ask('backup.cancel', { id });
  await expectDecided(id, 'completed');
  expect((await world.record(id)).context).toMatchObject({ reason: null, slot: 'manifest' });
  expect(statesOf(await world.history(id))).toContain('cancelling');
});

test('a cancel that lets a stopped commit go on within its grace ends the run as the slot says', async () => {
  const { id } = await stoppedCommit('slot.before-link');
  await world.ask('backup.cancel', { id });
  const { state } = await world.ending(id);
  await expectDecided(id, state === 'completed' ? 'completed' : 'cancelled');
});

test('an agent that is killed with its commit done and not yet told ends the run as completed when it is back', async () => {
  const { agent, id, engine } = await stoppedCommit('slot.after-link');
  await agent.kill();
  expect(world.engines()).toMatchObject([{ pid: engine.pid }]);
  await world.runAgent();
  process.kill(engine.pid, 'SIGCONT');
  await expectDecided(id, 'completed');
});

test('an agent that is killed just before its commit ends the run once it is back', async () => {
  const { agent, id, engine } = await stoppedCommit('slot.before-link');
  await agent.kill();
  expect(await world.listed()).toEqual([]);
  await world.runAgent();
  process.kill(engine.pid, 'SIGCONT');
  await expectDecided(id, 'completed');
});
