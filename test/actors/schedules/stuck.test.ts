/** Runs that do not end: the schedule says so at once, the run's deadline ends it, and the next tick runs. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noise } from '../../engines/files/trees.ts';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { type HistoryRecord, World } from '../../support/world.ts';
import { fatesOf, faultsOf, runsOf, untilRan } from './ticks.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const everyMs = 2_000;

const start = (name: string, env: Record<string, string> = {}): Promise<TestAgent> =>
  world.runAgent({ name, env, data: world.dataOf(name), config: world.agentFile(name, { lease: '3s' }) });

interface Blocked {
  run: string;
  kind: string;
  state: string;
  since: string;
  why: string;
}

/** Resolves with what is in the way of a schedule of a plan, once something is. */
async function blocked(plan: string): Promise<Blocked> {
  const isBlocked = ({ state, context }: HistoryRecord) => state === 'blocked' && context.blocked !== null;
  const { context } = await world.reached(`often--${plan}`, isBlocked, 'schedule');
  return context.blocked as unknown as Blocked;
}

test('one that waits for an agent that is away, and one whose engine is stopped, block their schedules only, until a deadline ends them', async () => {
  const plans = { docs: 'a', mail: 'a', photos: 'b' };
  let here = await start('a');
  const there = await start('b');
  const deadlines = { pending: '5s', stall: '4s', cancelGrace: '0s' };
  for (const [plan, agent] of Object.entries(plans)) {
    const path = join(world.source, plan);
    mkdirSync(path);
    writeFileSync(join(path, 'file'), noise(50_000, plan));
    const repository = { path: `${world.repository}-${plan}` };
    const more = { labels: { often: 'yes' }, placement: { agent }, deadlines, retry: { attempts: 1 } };
    await world.plan(plan, { engine: { type: 'files', path }, repository, ...more });
  }
  await Promise.all(Object.keys(plans).map(plan => world.backUp(plan)));
  await Promise.all([here.terminate(), there.terminate()]);
  // Each engine process stops itself at its first new chunk: only the source of mail has one.
  here = await start('a', { REEVE_FAILPOINTS: 'frame.before-write=stop@1' });
  writeFileSync(join(world.source, 'mail', 'new'), noise(50_000, 'new'));
  const since = new Date().toISOString();
  await world.ask('schedule.put', { name: 'often', plans: { labels: { often: 'yes' } }, task: 'backup', every: '2s' });

  const [mail, photos] = await Promise.all([blocked('mail'), blocked('photos')]);
  expect(mail).toMatchObject({ kind: 'backup', state: 'transferring', why: expect.stringContaining('on agent a') });
  expect(photos).toMatchObject({ kind: 'backup', state: 'pending', why: expect.stringContaining('on agent b') });
  for (const [plan, { run, state }] of Object.entries({ mail, photos })) {
    const told = await here.told('schedule.blocked', line => line.plan === plan);
    expect(told).toMatchObject({ schedule: 'often', run, state, since: expect.stringMatching(/Z$/) });
    expect(String(told.since) > since).toBe(true);
  }

  expect(await world.ending(photos.run)).toMatchObject({
    state: 'timed-out',
    reason: 'deadline-pending',
    owner: { agent: 'a' },
    context: { agent: 'b', admitted: false },
  });
  expect(await world.ending(mail.run)).toMatchObject({ state: 'timed-out', reason: 'deadline-stall' });
  rmSync(join(world.source, 'mail', 'new'));
  for (const [plan, { run }] of Object.entries({ mail, photos })) {
    await here.told('schedule.unblocked', line => line.plan === plan && line.run === run);
    await eventually(
      `a run of ${plan} after it`,
      async () => (await runsOf(world, 'backup', 'often', plan)).length > 1,
    );
  }
  await eventually('a backup of mail completes', async () => {
    const runs = await runsOf(world, 'backup', 'often', 'mail');
    return runs.some(({ state }) => state === 'completed');
  });

  // The third plan never noticed.
  await untilRan(world, 'backup', ['docs'], Date.now());
  const runs = await runsOf(world, 'backup', 'often', 'docs');
  expect(runs.filter(({ state }) => state === 'completed').length).toBeGreaterThan(2);
  await world.ask('schedule.delete', { name: 'often' });
  for (const plan of Object.keys(plans)) {
    await world.reached(`often--${plan}`, ({ final }) => final, 'schedule');
    const skipped = (await fatesOf(world, 'often', plan)).filter(({ fate }) => fate === 'skipped-overlap');
    if (plan !== 'docs') expect(skipped.length).toBeGreaterThan(0);
    expect(
      faultsOf(await fatesOf(world, 'often', plan), await runsOf(world, 'backup', 'often', plan), everyMs),
    ).toEqual([]);
  }
});
