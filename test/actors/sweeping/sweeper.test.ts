/** What a crash left is found at the agent's next start and removed, and told; what is another's, or lives, stays. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSlot } from '../../../src/repository/commit-slot.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { giveUp, loseRecord } from '../runs/lost-runs.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(2, 200_000);
});
afterEach(() => world?.close());

/** A backup in the middle of its first frame, its agent and every process of it killed. */
async function killedBackup(plan = 'docs'): Promise<string> {
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  await world.plan(plan);
  const id = await world.start(plan);
  await world.stoppedEngine();
  await killAll(agent);
  expect(world.runDirectories()).toEqual([id]);
  expect([inRepository('writers'), inRepository('tmp')]).toEqual([[id], [id]]);
  return id;
}

async function killAll(agent: TestAgent): Promise<void> {
  await agent.kill();
  await eventually('no process of a run', () => {
    for (const { pid } of world.workers()) process.kill(pid, 'SIGKILL');
    return world.workers().length === 0;
  });
}

const inRepository = (part: string) => readdirSync(join(world.repository, part));
const slotOf = async (id: string) => (await readSlot(await openRepository(world.repository), id))?.slot;
const facts = ({ log }: TestAgent, fact: string) =>
  log.filter(line => line.fact === fact).map(({ what, where, why }) => [what, where, why].join(' | '));

test('a run that was given up while its agent was dead leaves nothing: its directory, draft and register entry go', async () => {
  const id = await killedBackup();
  await giveUp(world, id);
  const agent = await world.runAgent();
  const line = await agent.told('sweep.removed');
  expect(line).toMatchObject({ what: 'run directory', where: join(world.data, 'runs', id), why: 'its run is lost' });
  expect(world.runDirectories()).toEqual([]);
  expect([inRepository('writers'), inRepository('tmp')]).toEqual([[], []]);
  expect(await slotOf(id)).toBe('void');
  expect(world.workers()).toEqual([]);
  expect(facts(agent, 'sweep.removed').length).toBe(1);
  expect(facts(agent, 'sweep.left')).toEqual([]);
  expect(await world.backUp('docs')).toMatchObject({ state: 'completed' });
});

test('the same of a run whose record was lost, and of a writer whose directory is gone', async () => {
  const id = await killedBackup();
  await loseRecord(world, id);
  const second = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  expect(await second.told('sweep.removed')).toMatchObject({
    where: join(world.data, 'runs', id),
    why: 'no record is left of its run, and no process of it lives',
  });
  expect([world.runDirectories(), inRepository('writers'), inRepository('tmp')]).toEqual([[], [], []]);
  expect(await slotOf(id)).toBe('void');

  world.fill(1, 200_000, 'more');
  const other = await world.start('docs');
  await world.stoppedEngine();
  await killAll(second);
  await giveUp(world, other);
  rmSync(join(world.data, 'runs', other), { recursive: true });
  const third = await world.runAgent();
  const where = `repository ${world.repository}`;
  expect(await third.told('sweep.removed')).toMatchObject({
    what: `leftover of ${other}`,
    where,
    why: 'its run is lost',
  });
  expect([world.runDirectories(), inRepository('writers'), inRepository('tmp')]).toEqual([[], [], []]);
  expect(await slotOf(other)).toBe('void');
});

test('a run that was committed before its agent died stays a backup, also where its record says that it was lost', async () => {
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'slot.after-link=stop@1' } });
  await world.plan('docs');
  const id = await world.start('docs');
  await world.stoppedEngine();
  await killAll(agent);
  await giveUp(world, id);
  const next = await world.runAgent();
  await next.told('sweep.removed');
  expect(await slotOf(id)).toBe('manifest');
  expect(await world.catalogued()).toEqual([id]);
  expect([world.runDirectories(), inRepository('writers'), inRepository('tmp')]).toEqual([[], [], []]);
});

test('a live run, another Reeve in the repository and what nobody can tell are not touched, and told once', async () => {
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  await world.plan('docs', { onDrain: 'detach' });
  const id = await world.start('docs');
  const { pid } = await world.stoppedEngine();
  await agent.kill();
  const stranger = 'strange-20260101T000000Z-abcdef';
  writeFileSync(join(world.repository, 'writers', stranger), '{}');
  for (const name of [stranger, 'gone-20260101T000000Z-abcdef']) mkdirSync(join(world.data, 'runs', name));
  mkdirSync(join(world.repository, 'tmp', stranger));
  mkdirSync(join(world.data, 'runs', 'check--docs'));
  mkdirSync(join(world.data, 'scratch', id, 'tree'), { recursive: true });
  mkdirSync(join(world.data, 'scratch', 'gone-20260101T000000Z-abcdef', 'tree'), { recursive: true });

  const next = await world.runAgent();
  await next.told('sweep.left', ({ where }) => where === `repository ${world.repository}`);
  expect(world.processes().some(each => each.pid === pid)).toBe(true);
  expect(world.runDirectories().sort()).toEqual([id, 'gone-20260101T000000Z-abcdef', stranger].sort());
  expect(readdirSync(join(world.data, 'scratch'))).toEqual([id]);
  expect(inRepository('writers').sort()).toEqual([id, stranger].sort());
  expect(inRepository('tmp').sort()).toEqual([id, stranger].sort());
  expect(facts(next, 'sweep.removed')).toEqual([
    `run directory | ${join(world.data, 'runs', 'check--docs')} | the check that it was for was cut short`,
    `scratch of a drill | ${join(world.data, 'scratch', 'gone-20260101T000000Z-abcdef')} | no record is left of its run, and no process of it lives`,
  ]);
  const left = facts(next, 'sweep.left');
  expect(left.length).toBe(3);
  expect(left[2]).toContain(`no record is left of ${stranger}: it may be of another Reeve`);
  process.kill(pid, 'SIGCONT');
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { kept: [] } });
  // Sweeping again, as after a drain that was taken back, tells nothing twice.
  await world.ask('agent.drain', { agent: 'here' });
  await world.reached('here', ({ state }) => state === 'draining.empty', 'agent');
  mkdirSync(join(world.data, 'scratch', 'gone-20260101T000000Z-123456'), { recursive: true });
  await world.ask('agent.undrain', { agent: 'here' });
  await next.told('sweep.removed', ({ where }) => String(where).endsWith('123456'));
  expect(facts(next, 'sweep.left')).toEqual(left);
});

test('a scratch of a drill that was given up goes, with the processes that are at it', async () => {
  const agent = await world.runAgent();
  await world.plan('docs');
  world.fill(3, 40_000_000, 'large');
  await world.backUp('docs');
  const id = String((await world.ask('drill.start', { plan: 'docs' })).id);
  const scratch = join(world.data, 'scratch', id);
  await eventually('a file in the scratch', () => existsSync(join(scratch, 'tree', 'large-0')));
  await agent.kill();
  await giveUp(world, id, 'drill');
  const next = await world.runAgent();
  await next.told('sweep.removed', ({ where }) => where === scratch);
  expect([existsSync(scratch), world.runDirectories(), world.workers()]).toEqual([false, [], []]);
});
