/**
 * An agent that is killed at every step between a tick and its run, again and again: no tick has two runs, none is lost,
 * and each has its fate.
 */
import { expect, test } from 'vitest';
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { ScheduleContext } from '../../../src/domain/schedule-context.ts';
import { ticksBetween } from '../../../src/domain/ticks.ts';
import { Dice } from '../../support/dice.ts';
import { repetitions } from '../../support/repetitions.ts';
import { Mortal, newWorld, type World } from './mortal.ts';

const rounds = repetitions(1_000, 33);
const id = 'often--docs';

/** Lets everything that memory answers at once be answered. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

/** Ends every run that goes, as its own agent would: some at once, some late. */
async function endRuns({ host }: World, dice: Dice, share: number): Promise<void> {
  for await (const { record, revision } of host.store.list('backup'))
    if (!record.final && dice.chance(share)) {
      const write = { incarnation: 'the runs', n: revision };
      await host.store.append({ ...record, state: 'completed', final: true, after: revision, write });
    }
}

async function round(seed: number, diedAt: Set<string>): Promise<void> {
  const dice = new Dice(seed);
  const document: Schedule = {
    name: 'often',
    plan: 'docs',
    task: 'backup',
    every: '2s',
    overlap: dice.pick(['skip', 'queue-one', 'cancel-previous']),
    onMissed: dice.pick(['skip', 'run-once', 'run-all']),
  };
  const world = newWorld();
  const { clock, store } = world.host;
  const startedAt = clock.now();
  const first = new Mortal(world, 'first', Number.POSITIVE_INFINITY);
  await first.runtime.start('schedule', id, { input: { document, plan: 'docs', revision: 1 } });
  await first.bury();
  for (let life = 0; life < 6; life += 1) {
    const isLast = life === 5;
    // The points of one tick are some 16: each round meets others of them.
    const mortal = new Mortal(world, `life ${life}`, isLast ? Number.POSITIVE_INFINITY : 1 + ((seed + life * 7) % 30));
    await Promise.race([mortal.runtime.adoptAll(({ kind }) => kind === 'schedule'), rest()]);
    for (let step = 0; step < 16 && !mortal.isDead; step += 1) {
      await clock.advance(500);
      await rest();
      await endRuns(world, dice, isLast ? 1 : 0.4);
    }
    if (mortal.diedAt) diedAt.add(mortal.diedAt);
    if (isLast) {
      await clock.advance(10_000); // whoever follows a run looks again
      await rest();
    }
    await mortal.bury();
    clock.forget();
    if (!isLast) await clock.advance(dice.pick([0, 0, 700, 9_000]));
  }

  const { record } = (await store.read('schedule', id)) ?? {};
  const context = record?.context as unknown as ScheduleContext;
  const { ticks } = ticksBetween(document, 'docs', startedAt, context.tickedThrough, 10_000);
  const holding = new Map(world.fates.map(fate => [Date.parse(fate.tick), fate]));
  expect([...holding.keys()].sort((one, other) => one - other)).toEqual(ticks);
  const runs: string[] = [];
  for await (const { record } of store.list('backup')) runs.push(record.id);
  const ran = [...holding.values()].flatMap(({ fate, run }) => (fate === 'ran' ? [run] : []));
  expect(new Set(ran).size).toBe(ran.length);
  expect([...ran].sort()).toEqual(runs.sort());
  // What waits for its turn says so; nothing else may be left undecided.
  const waiting = [...holding.values()].filter(({ fate }) => fate === 'queued').map(({ tick }) => Date.parse(tick));
  const kept = [...context.backlog, ...(context.queued ? [context.queued.tick] : [])];
  expect(waiting.sort((one, other) => one - other)).toEqual(kept.sort((one, other) => one - other));
  const past = (await store.history('schedule', id, { limit: 1_000 })).map(each => each.record.context.tickedThrough);
  expect(past).toEqual(past.toSorted((one, other) => Number(other) - Number(one)));
}

test(`${rounds} rounds of five kills each leave every tick with one fate and at most one run`, async () => {
  const diedAt = new Set<string>();
  for (let seed = 0; seed < rounds; seed += 1)
    await round(seed, diedAt).catch((cause: unknown) => {
      throw new Error(`in the round of seed ${seed}`, { cause });
    });
  const points = ['the newest change', 'a fate'];
  for (const record of ['backup that is pending', 'schedule that is firing.asking', 'schedule that is waiting'])
    points.push(`the record of a ${record}`);
  for (const what of points) for (const when of ['before', 'after']) expect(diedAt).toContain(`${when} ${what}`);
  process.stderr.write(`measured: ${rounds} rounds died at ${diedAt.size} points: ${[...diedAt].sort().join('; ')}\n`);
});
