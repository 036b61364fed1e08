/** When a run gets its turn: runs of one plan one at a time, as many as the agent's file allows, and what ifRunning says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type HistoryRecord, World } from '../../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(2, 50_000);
});
afterEach(() => world?.close());

/** Each engine process stops itself at its first new chunk. */
const stopping = { env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } };
const quick = { deadlines: { cancelGrace: '0s' } };

/** Lets the engine that stands go on. */
async function letGo(): Promise<void> {
  process.kill((await world.stoppedEngine()).pid, 'SIGCONT');
}

function configured(limits: object): string {
  const path = join(world.directory, 'agent.yaml');
  writeFileSync(path, stringify({ kind: 'Agent', name: 'here', data: world.data, limits }));
  return path;
}

/** From when it held a place to when it gave it back, in milliseconds since the epoch. */
function span(history: readonly HistoryRecord[]): { from: number; to: number } {
  const at = (wanted: (record: HistoryRecord) => boolean) => Date.parse(history.find(wanted)?.at ?? '');
  return { from: at(({ state }) => state === 'preparing'), to: at(({ final }) => final) };
}

test('two backups of one plan never overlap: the second waits, says for what, and then runs', async () => {
  await world.runAgent(stopping);
  await world.plan('docs');
  const ids = [await world.start('docs'), await world.start('docs'), await world.start('docs')];
  await world.stoppedEngine();
  for (const id of ids.slice(1)) expect(await world.record(id)).toMatchObject({ state: 'pending' });
  expect(world.engines()).toHaveLength(1);
  const { waitsFor } = await world.ask('actor.explain', { kind: 'backup', id: ids[1] });
  expect(waitsFor).toContain('earlier runs of its plan to end');
  await letGo();
  const spans = [];
  for (const id of ids) {
    expect(await world.ending(id)).toMatchObject({ state: 'completed' });
    spans.push(span(await world.history(id)));
  }
  for (const [index, { from }] of spans.entries()) expect(from).toBeGreaterThanOrEqual(spans[index - 1]?.to ?? 0);
});

test('an agent works on no more runs at once than its file says, nor restores', async () => {
  const agent = { ...stopping, config: configured({ runs: 2, restores: 1 }) };
  await world.runAgent(agent);
  for (const name of ['one', 'two', 'three']) await world.plan(name, quick);
  const ids = [await world.start('one'), await world.start('two'), await world.start('three')];
  await world.reached(String(ids[1]), ({ state }) => state === 'transferring');
  expect(await world.record(String(ids[2]))).toMatchObject({ state: 'pending' });
  await world.ask('backup.cancel', { id: ids[0] });
  await world.reached(String(ids[2]), ({ state }) => state === 'transferring');
  expect(await world.record(String(ids[1]))).toMatchObject({ state: 'transferring' });
});

test('ifRunning refuse answers a conflict that names the run; of two starts at once one is taken', async () => {
  await world.runAgent(stopping);
  await world.plan('docs', { ifRunning: 'refuse' });
  const client = await world.client();
  const answers = await Promise.allSettled([1, 2, 3].map(() => client.request('backup.start', { plan: 'docs' })));
  const taken = answers.flatMap(each => (each.status === 'fulfilled' ? [each.value.id] : []));
  expect(taken).toHaveLength(1);
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(`backup ${taken[0]} of plan docs is `),
    hint: expect.stringContaining('wait for it or cancel it'),
  });
  expect((await world.ask('backup.list')).backups).toHaveLength(1);
  await letGo();
  await world.ending(String(taken[0]));
  expect(await world.ask('backup.start', { plan: 'docs' })).toMatchObject({ id: expect.any(String) });
});

test('ifRunning join answers the run that is there', async () => {
  await world.runAgent(stopping);
  await world.plan('docs', { ifRunning: 'join' });
  const client = await world.client();
  const ids = await Promise.all([1, 2, 3].map(async () => (await client.request('backup.start', { plan: 'docs' })).id));
  expect(new Set(ids).size).toBe(1);
  await letGo();
  await world.ending(String(ids[0]));
  expect((await world.ask('backup.start', { plan: 'docs' })).id).not.toBe(ids[0]);
});

test('backup.start repeated with its requestId starts one run, at once or after its end, whatever ifRunning says', async () => {
  await world.runAgent(stopping);
  for (const ifRunning of ['queue', 'refuse', 'join']) {
    const plan = `plan-${ifRunning}`;
    await world.plan(plan, { ifRunning });
    world.fill(1, 50_000, plan);
    const client = await world.client();
    const asked = { plan, requestId: `nightly of ${plan}` };
    const [first, ...again] = await Promise.all([1, 2, 3].map(() => client.request('backup.start', asked)));
    expect(first?.id).toMatch(new RegExp(`^${plan}-[0-9a-f]{16}$`));
    expect(again).toEqual([first, first]);
    await letGo();
    expect(await world.ending(String(first?.id))).toMatchObject({ state: 'completed', requests: [asked.requestId] });
    expect(await client.request('backup.start', asked)).toEqual(first);
    expect((await world.ask('backup.list', { plan })).backups).toHaveLength(1);
  }
});
