import { expect, test } from 'vitest';
import { leavingMs, type OverRun } from '../../src/domain/record-age.ts';

const hourMs = 3_600_000;
const run = (id: string, ending: OverRun['ending'], hour: number, more: Partial<OverRun> = {}): OverRun => ({
  id,
  plan: 'docs',
  task: 'backup',
  ending,
  endedAt: new Date(hour * hourMs).toISOString(),
  ...more,
});

test('what failed leaves after failedFor of its plan, seven days unless it says so', () => {
  const failed = (['failed', 'cancelled', 'lost', 'timed-out'] as const).map(ending => run(ending, ending, 0));
  const of = (failedFor?: string) => [
    ...leavingMs(
      failed,
      () => (failedFor === undefined ? undefined : { failedFor }),
      () => false,
    ).values(),
  ];
  expect(of()).toEqual(failed.map(() => 7 * 24 * hourMs));
  expect(of('1h')).toEqual(failed.map(() => hourMs));
});

test('what went well leaves after a day, but for the newest ten of a plan and kind', () => {
  const well = Array.from({ length: 12 }, (_, hour) => run(`b${hour}`, hour % 2 ? 'partial' : 'completed', hour));
  const others = [run('other', 'completed', 0, { plan: 'other' }), run('verify', 'completed', 0, { task: 'verify' })];
  expect(
    [
      ...leavingMs(
        [...well, ...others],
        () => undefined,
        () => false,
      ),
    ].sort(),
  ).toEqual([
    ['b0', 24 * hourMs],
    ['b1', 25 * hourMs],
  ]);
});

test('the run of a snapshot that its source keeps stays as long as that: nothing else tells of it', () => {
  const many = Array.from({ length: 20 }, (_, hour) => run(`s${hour}`, 'completed', hour, { task: 'snapshot' }));
  expect(
    leavingMs(
      many,
      () => undefined,
      () => false,
    ).size,
  ).toBe(0);
  expect(
    leavingMs(
      many,
      () => undefined,
      () => true,
    ).size,
  ).toBe(10);
});
