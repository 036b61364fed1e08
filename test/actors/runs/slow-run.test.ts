/** A run that comes near its deadline is told while it still runs, with what its plan took before. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastDurationsMs } from '../../../src/domain/durations.ts';
import type { RunContext } from '../../../src/domain/run.ts';
import { World } from '../../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 20_000);
});
afterEach(() => world?.close());

test('at four fifths of its deadline the log has the run, its time and the last ones, and only once', async () => {
  const first = await world.runAgent();
  await world.plan('docs', { deadlines: { cancelGrace: '0s', run: '6s' } });
  const before = await world.backUp('docs');
  expect(before.state).toBe('completed');
  await first.terminate();
  world.fill(1, 20_000, 'more');
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  const id = await world.start('docs');
  const line = await agent.told('run.slow');
  expect(await world.record(id)).toMatchObject({ state: 'transferring' });
  const { transferringMs } = before.context.spent as RunContext['spent'];
  expect(line).toMatchObject({ id, kind: 'backup', plan: 'docs', deadlineMs: 6_000, lastMs: [transferringMs] });
  expect(line.transferringMs).toBeGreaterThanOrEqual(4_800);
  expect(line.transferringMs).toBeLessThan(6_000);
  expect(await world.ending(id)).toMatchObject({ state: 'timed-out', reason: 'deadline-run', context: { attempt: 1 } });
  expect(agent.log.filter(({ fact }) => fact === 'run.slow')).toHaveLength(1);
  expect(first.log.filter(({ fact }) => fact === 'run.slow')).toEqual([]);
});

test('of the runs of a plan the last ten that succeeded count, newest first', () => {
  const run = (plan: string, ending: string | null, minute: number) =>
    ({
      plan,
      ending,
      endedAt: ending && new Date(minute * 60_000).toISOString(),
      spent: { transferringMs: minute },
    }) as unknown as RunContext;
  const many = Array.from({ length: 12 }, (_, minute) => run('docs', 'completed', minute));
  const others = [run('docs', 'failed', 90), run('other', 'completed', 91), run('docs', null, 92)];
  const partial = run('docs', 'partial', 50);
  expect(lastDurationsMs([...many, ...others, partial], 'docs')).toEqual([50, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  expect(lastDurationsMs([], 'docs')).toEqual([]);
});
