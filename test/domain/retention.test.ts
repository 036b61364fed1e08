import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planSchema } from '../../src/domain/plan.ts';
import { decide, type RetainedBackup, type Retention } from '../../src/domain/retention.ts';
import { plainlyKept } from './plain-retention.ts';

const hourMs = 3_600_000;
const now = Date.parse('2026-03-10T12:00:00Z');
type Shape = Partial<RetainedBackup>;

function backup(id: string, atMs: number, more: Shape = {}): RetainedBackup {
  const at = new Date(atMs).toISOString();
  return { id, outcome: 'completed', completedAt: at, locked: false, deleting: false, ...more };
}

/** So many hours before now, newest first: `b1` is the newest. */
function history(...hours: (number | [number, Shape])[]): RetainedBackup[] {
  return hours.map((each, index) => {
    const [ago, more] = typeof each === 'number' ? [each, {}] : each;
    return backup(`b${index + 1}`, now - ago * hourMs, more);
  });
}

const partial = { outcome: 'partial' } as const;
const shrunk = { outcome: 'partial', reason: 'source-shrunk' } as const;
const kept = (policy: Retention | undefined, backups: readonly RetainedBackup[]) =>
  decide(policy, backups, now).flatMap(({ id, keep }) => (keep ? [id] : []));
const reasons = (policy: Retention | undefined, backups: readonly RetainedBackup[]) =>
  Object.fromEntries(decide(policy, backups, now).map(({ id, keep, reasons: why }) => [id, [keep, ...why]]));

describe('in words', () => {
  test('each backup that stays says by which rules, in UTC', () => {
    const policy = { keepLast: 1, keepHourly: 1, keepDaily: 2, keepWeekly: 1, keepMonthly: 1, keepYearly: 1 };
    expect(reasons(policy, history(0, 1, 20, 48))).toEqual({
      b1: [
        true,
        ...['newest complete backup', 'last 1', 'hourly 2026-03-10T12', 'daily 2026-03-10', 'weekly 2026-W11'],
        ...['monthly 2026-03', 'yearly 2026'],
      ],
      b2: [false, 'no rule keeps it'],
      b3: [true, 'daily 2026-03-09'],
      b4: [false, 'no rule keeps it'],
    });
    expect(reasons({ keepDaily: 3, keepWithin: '2h' }, history(0, 1, 2, 3))).toMatchObject({
      b2: [true, 'within 2h'],
      b3: [false, 'no rule keeps it'],
      b4: [true, 'oldest, daily 2026-03-10'],
    });
  });

  test.each([
    ['2026-01-01T00:00:00Z', '2026-W01'],
    ['2027-01-03T23:59:59Z', '2026-W53'],
    ['2024-12-30T00:00:00Z', '2025-W01'],
    ['2023-01-01T00:00:00Z', '2022-W52'],
  ])('the week of %s is %s', (at, week) => {
    const [decision] = decide({ keepWeekly: 1 }, [backup('b', Date.parse(at))], now);
    expect(decision?.reasons).toContain(`weekly ${week}`);
  });

  test('without a retention, or one without a rule, nothing goes', () => {
    expect(reasons(undefined, history(1, 2))).toMatchObject({ b2: [true, 'the plan has no retention'] });
    const none = { failedFor: '1d', minimumRedundancy: 1, keepLast: 0 };
    expect(reasons(none, history(1, 2))).toMatchObject({ b2: [true, 'the plan has no keep rule'] });
  });
});

describe('what no rule may remove', () => {
  test('the newest complete backup, whatever partial ones came after it', () => {
    expect(kept({ keepLast: 1 }, history([1, partial], [2, partial], 3, 4))).toEqual(['b1', 'b3']);
    expect(kept({ keepWithin: '1ms' }, history([1, partial], 1000, 2000))).toEqual(['b1', 'b2']);
    expect(kept({ recoveryWindow: '1d' }, history(1000, 2000))).toEqual(['b1']);
  });

  test('the newest backup, where none is complete', () => {
    expect(kept({ recoveryWindow: '1d' }, history([1000, partial], [2000, partial]))).toEqual(['b1']);
  });

  test('what is locked, as long as it is', () => {
    const until = (hours: number) => new Date(now + hours * hourMs).toISOString();
    const locked = (hours: number | null, note: string | null = null): Shape => ({
      locked: true,
      lock: { until: hours === null ? null : until(hours), note },
    });
    const backups = history(1, [2, locked(1, 'for the audit')], [3, locked(-1)], [4, locked(null)], 5);
    expect(reasons({ keepLast: 1 }, backups)).toMatchObject({
      b2: [true, `locked until ${until(1)}: for the audit`],
      b3: [false, 'no rule keeps it'],
      b4: [true, 'locked'],
      b5: [false, 'no rule keeps it'],
    });
  });

  test('as many complete ones as minimumRedundancy says, locked ones counted, partial ones not', () => {
    const policy = { keepLast: 1, minimumRedundancy: 3 };
    expect(reasons(policy, history(1, [2, partial], 3, 4, 5))).toMatchObject({
      b3: [true, 'minimum redundancy 3'],
      b4: [true, 'minimum redundancy 3'],
      b5: [false, 'no rule keeps it'],
    });
    expect(kept(policy, history(1, 2, 3, [4, { locked: true }]))).toEqual(['b1', 'b2', 'b4']);
  });

  test('all of the recovery window, and the complete one that a recovery to its first moment begins with', () => {
    expect(reasons({ recoveryWindow: '2d' }, history(1, 30, [40, partial], [50, partial], 60, 70))).toEqual({
      b1: [true, 'newest complete backup', 'within recovery window 2d'],
      b2: [true, 'within recovery window 2d'],
      b3: [true, 'partial: within recovery window 2d'],
      b4: [false, 'no rule keeps this partial one'],
      b5: [true, 'base of recovery window 2d'],
      b6: [false, 'no rule keeps it'],
    });
  });

  test('anything, while the source has shrunk since the newest complete one', () => {
    const words = 'retention stands still: the source had shrunk in backup b1';
    expect(reasons({ keepLast: 1 }, history([1, shrunk], 2, 3))).toMatchObject({ b3: [true, words] });
    expect(kept({ keepLast: 1 }, history(1, [2, shrunk], 3))).toEqual(['b1']);
  });

  test('what is being deleted already counts for nothing, and goes', () => {
    const backups = history([1, { deleting: true }], 2, 3);
    expect(reasons({ keepLast: 1 }, backups)).toMatchObject({
      b1: [false, 'being deleted already'],
      b2: [true, 'newest complete backup', 'last 1'],
      b3: [false, 'no rule keeps it'],
    });
    expect(kept(undefined, backups)).toEqual(['b2', 'b3']);
  });
});

const counts = fc.record(
  Object.fromEntries(
    ['keepLast', 'keepHourly', 'keepDaily', 'keepWeekly', 'keepMonthly', 'keepYearly'].map(rule => [
      rule,
      fc.integer({ min: 0, max: 8 }),
    ]),
  ),
  { requiredKeys: [] },
);
const within = fc.option(fc.constantFrom('1h', '36h', '10d', '400d'), { nil: undefined });
const rules: fc.Arbitrary<Retention> = fc.tuple(counts, within).map(([policy, keepWithin]) => ({
  ...policy,
  ...(keepWithin !== undefined && { keepWithin }),
}));

/** Steps between backups of minutes, days or months, so that each rule has something to choose from. */
const times = fc
  .array(
    fc.oneof(
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 600, max: 3_000 }),
      fc.integer({ max: 60_000, min: 10_000 }),
    ),
    {
      maxLength: 60,
    },
  )
  .map(steps => {
    let atMs = now;
    return steps.map(minutes => {
      atMs -= minutes * 60_000;
      return atMs;
    });
  });
const shapes: fc.Arbitrary<Shape> = fc.record({
  outcome: fc.constantFrom('completed', 'completed', 'partial'),
  locked: fc.boolean(),
  deleting: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
});
const histories = times.chain(all =>
  fc.tuple(...all.map((atMs, index) => shapes.map(shape => backup(`b${index}`, atMs, shape)))),
) as fc.Arbitrary<RetainedBackup[]>;

describe('over random histories', () => {
  test('complete backups stay as restic documents it', () => {
    fc.assert(
      fc.property(rules, times, (policy, all) => {
        const backups = all.map((atMs, index) => backup(`b${index}`, atMs));
        const byRules = plainlyKept(policy, all, now);
        const expected = backups.filter((_, index) => index === 0 || byRules.has(index)).map(({ id }) => id);
        expect(kept(policy, backups)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('the newest complete one, locked ones and minimumRedundancy stay, and partial ones change nothing of the others', () => {
    const policies = fc.tuple(rules, fc.integer({ min: 1, max: 5 })).map(([policy, minimumRedundancy]) => ({
      ...policy,
      minimumRedundancy,
    }));
    fc.assert(
      fc.property(policies, histories, (policy, backups) => {
        const stays = new Set(kept(policy, backups));
        const living = backups.filter(({ deleting }) => !deleting);
        const complete = living.filter(({ outcome }) => outcome === 'completed');
        const left = complete.filter(({ id }) => stays.has(id));
        for (const { id, locked } of living) if (locked) expect(stays.has(id)).toBe(true);
        expect(left[0]).toBe(complete[0]);
        expect(left.length).toBeGreaterThanOrEqual(Math.min(policy.minimumRedundancy, complete.length));
        expect(kept(policy, complete)).toEqual(left.map(({ id }) => id));
        for (const { id, deleting } of backups) if (deleting) expect(stays.has(id)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('what stays, stays when it is asked again', () => {
    fc.assert(
      fc.property(rules, histories, (policy, backups) => {
        const first = kept(policy, backups);
        expect(
          kept(
            policy,
            backups.filter(({ id }) => first.includes(id)),
          ),
        ).toEqual(first);
      }),
      { numRuns: 300 },
    );
  });
});

test('a plan may say its retention; what CONFIG has not is refused with the reason', () => {
  const plan = { name: 'docs', engine: { type: 'files', path: '/srv' }, repository: 'nas' };
  const of = (retention: object) => planSchema.safeParse({ ...plan, retention });
  const full = {
    keepDaily: 14,
    keepWeekly: 8,
    minimumRedundancy: 2,
    recoveryWindow: '14d',
    failedFor: '7d',
    apply: 'after-backup',
  };
  expect(of(full).success).toBe(true);
  expect(of({ keepLast: -1 }).success).toBe(false);
  expect(of({ keepDayly: 1 }).success).toBe(false);
  expect(of({ minimumRedundancy: 0 }).success).toBe(false);
  expect(of({ apply: 'daily' }).error?.issues[0]?.message).toContain(
    'must be after-backup; a schedule of the task prune',
  );
});
