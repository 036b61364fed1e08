/** Many runs on one agent: no more at once than its file says, every one of them ends, and every place comes back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { eventually } from '../../support/eventually.ts';
import { type HistoryRecord, World } from '../../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 5_000);
});
afterEach(() => world?.close());

interface Row {
  id: string;
  plan: string;
  position: number;
  waitsFor: string;
  agent: string;
}

function configured(more: object): string {
  const path = join(world.directory, 'agent.yaml');
  const repositories = { nas: { type: 'files', path: world.repository, runs: 1 } };
  writeFileSync(path, stringify({ kind: 'Agent', name: 'here', data: world.data, repositories, ...more }));
  return path;
}

async function queued(): Promise<Row[]> {
  return (await world.ask('queue.list')).queued as Row[];
}

const stopping = { REEVE_FAILPOINTS: 'frame.before-write=stop@1' };
const quick = { deadlines: { cancelGrace: '0s' } };

test('the queue tells of each run its place and what it waits for: agent, engine, repository, plan', async () => {
  await world.runAgent({ config: configured({ limits: { runs: 3, runsByEngine: { files: 2 } } }), env: stopping });
  await world.plan('a', { ...quick, repository: 'nas' });
  await world.plan('b', { ...quick, repository: 'nas' });
  await world.plan('c', quick);
  await world.plan('d', quick);
  const a = await world.start('a');
  await world.reached(a, ({ state }) => state === 'transferring');
  const b = await world.start('b'); // waits for the repository
  const again = await world.start('a'); // waits for the first of its plan
  const c = await world.start('c'); // passes them: nothing of its own stands in its way
  await world.reached(c, ({ state }) => state === 'transferring');
  const d = await world.start('d');
  expect((await queued()).map(({ id, position, waitsFor }) => [id, position, waitsFor])).toEqual([
    [b, 1, 'a place among the 2 runs of the engine files that the agent works on at once'],
    [again, 2, `backup ${a} of the same plan`],
    [d, 3, 'a place among the 2 runs of the engine files that the agent works on at once'],
  ]);
  expect((await world.ask('actor.explain', { kind: 'backup', id: again })).waitsFor).toContain(
    `now in place 2 of the queue of agent here, for backup ${a} of the same plan`,
  );
  await world.ask('backup.cancel', { id: c });
  await world.reached(d, ({ state }) => state === 'transferring'); // the repository still stands before b
  expect(await world.record(b)).toMatchObject({ state: 'pending' });
  await world.ask('backup.cancel', { id: d });
  await world.ending(d);
  expect((await queued())[0]).toEqual({
    id: b,
    plan: 'b',
    position: 1,
    waitsFor: 'a place among the 1 runs that use the repository nas at once',
    since: expect.any(String),
    agent: 'here',
  });
  await world.ask('backup.cancel', { id: a });
  await world.reached(b, ({ state }) => state === 'transferring');
  expect(await world.ask('queue.list', { agent: 'here' })).toMatchObject({ queued: [{ id: again, position: 1 }] });
  expect(await world.refusal('queue.list', { agent: 'heer' })).toMatchObject({
    code: 'not-found',
    hint: 'did you mean here?',
  });
});

test('a schedule whose run waits for another of its plan tells which that is', async () => {
  await world.runAgent({ config: configured({}), env: stopping });
  await world.plan('a', quick);
  const a = await world.start('a');
  await world.reached(a, ({ state }) => state === 'transferring');
  await world.ask('schedule.put', { name: 'often', plan: 'a', task: 'backup', every: '1s' });
  const { context } = await world.reached('often--a', ({ state }) => state === 'blocked', 'schedule');
  const { run, state } = context.blocked as { run: string; state: string };
  expect(state).toBe('pending');
  expect((await world.ask('actor.explain', { kind: 'schedule', id: 'often--a' })).waitsFor).toBe(
    `the previous run to end; ${run} is in place 1 of the queue of agent here, for backup ${a} of the same plan`,
  );
});

test('whichever agent is asked tells the queue of each, by its own limits, also of one that is gone', async () => {
  const agents = [];
  for (const [name, runs] of [
    ['a', 3],
    ['b', 1],
  ] as const) {
    const [config, data] = [join(world.directory, `${name}.yaml`), join(world.directory, `data-${name}`)];
    writeFileSync(config, stringify({ kind: 'Agent', name, data, limits: { runs } }));
    agents.push(await world.runAgent({ name, data, config, env: stopping }));
  }
  await eventually('both agents', async () => ((await world.ask('agent.list')).agents as unknown[]).length === 2);
  for (const plan of ['one', 'two']) await world.plan(plan, { ...quick, placement: { agent: 'b' } });
  await world.plan('three', { ...quick, placement: { agent: 'a' } });
  const one = await world.start('one');
  await world.reached(one, ({ state }) => state === 'transferring');
  const two = await world.start('two');
  await world.start('three');
  const row = {
    id: two,
    agent: 'b',
    position: 1,
    waitsFor: 'a place among the 1 runs that the agent works on at once',
  };
  const asked = async () => {
    for (let times = 0; times < 6; times += 1) expect(await queued()).toMatchObject([row]);
  };
  await world.stoppedEngine();
  await asked();
  expect((await world.ask('queue.list', { agent: 'a' })).queued).toEqual([]);
  await agents[1]?.kill();
  await asked();
});

test('a run whose clean-up fails gives its place back all the same', async () => {
  const limits = { runs: 1 };
  const agent = await world.runAgent({ config: configured({ limits }), env: stopping });
  await world.plan('a', { ...quick, repository: 'nas' });
  await world.plan('b');
  const id = await world.start('a');
  await world.stoppedEngine();
  await agent.kill();
  await world.runAgent({ config: configured({ limits, repositories: {} }) }); // nothing of the run can be looked at now
  expect(await world.ending(id)).toMatchObject({
    state: 'failed',
    context: { kept: [expect.stringContaining('has no repository nas')] },
  });
  expect(await world.backUp('b')).toMatchObject({ state: 'completed' });
});

/** The most runs that held a place at one moment. */
function mostAtOnce(histories: readonly HistoryRecord[][]): number {
  const changes = histories.flatMap(history => {
    const from = history.find(({ state }) => state === 'preparing');
    const to = history.at(-1);
    return from && to ? [[Date.parse(from.at), 1] as const, [Date.parse(to.at), -1] as const] : [];
  });
  let [now, most] = [0, 0];
  for (const [, change] of changes.sort(([one, up], [other, down]) => one - other || up - down)) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

test('of 50 runs at once exactly 4 run, none is lost, and no place is, after cancels and a kill of the agent', async () => {
  const config = configured({ limits: { runs: 4 } });
  let agent = await world.runAgent({ config });
  const plans = Array.from({ length: 50 }, (_, index) => `plan-${index}`);
  for (const plan of plans) await world.plan(plan, quick);
  const ids = await Promise.all(plans.map(plan => world.start(plan)));
  await eventually('a queue', async () => (await queued()).length > 30);
  const rows = await queued();
  expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1));
  // Some that wait and some that run are cancelled, and in the middle the agent dies.
  const cancelled = [ids[3], ids[20], ids[30], ids[49], ...rows.slice(0, 4).map(({ id }) => id)] as string[];
  await Promise.allSettled(cancelled.map(id => world.ask('backup.cancel', { id })));
  await eventually(
    'some are over',
    async () => {
      const over = (await world.ask('backup.list', { state: 'completed' })).backups as unknown[];
      return over.length >= 8;
    },
    60_000,
  );
  await agent.kill();
  agent = await world.runAgent({ config });
  const endings: HistoryRecord[] = [];
  for (const id of ids) endings.push(await world.ending(id, 'backup', 150_000));
  const counts = Object.groupBy(endings, ({ state }) => state);
  const told = Object.fromEntries(Object.entries(counts).map(([state, each]) => [state, each?.length]));
  expect((counts.completed?.length ?? 0) + (counts.cancelled?.length ?? 0), JSON.stringify(told)).toBe(50);
  expect(counts.completed?.length).toBeGreaterThanOrEqual(42);
  expect((await world.catalogued()).sort()).toEqual((counts.completed ?? []).map(({ id }) => id).sort());
  const histories = [];
  for (const id of ids) histories.push(await world.history(id));
  expect(mostAtOnce(histories)).toBe(4);
  expect(await queued()).toEqual([]);
  process.stderr.write(
    `measured: 50 runs with 4 places: ${JSON.stringify(told)}, at most ${mostAtOnce(histories)} at once\n`,
  );
  // Every place is there again.
  await agent.kill();
  await world.runAgent({ config, env: stopping });
  world.fill(1, 5_000, 'new');
  const next = await Promise.all(plans.slice(0, 6).map(plan => world.start(plan)));
  await eventually('four engines', () => world.engines().filter(({ state }) => state === 'T').length === 4, 30_000);
  expect(await queued()).toHaveLength(2);
  await Promise.all(next.map(id => world.ask('backup.cancel', { id })));
  for (const id of next) expect(await world.ending(id)).toMatchObject({ state: 'cancelled' });
}, 240_000);
