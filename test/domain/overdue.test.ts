import { describe, expect, test } from 'vitest';
import { dueAtMs, type EndedRun, lastRuns, newestComplete, overdueOf } from '../../src/domain/overdue.ts';
import { planSchema } from '../../src/domain/plan.ts';

const now = Date.parse('2026-05-02T00:00:00.000Z');
const hoursAgo = (hours: number) => new Date(now - hours * 3_600_000).toISOString();
const run = (ending: string, reason: string | null, minute = 0, plan = 'docs') =>
  ({ id: `${plan}-${minute}`, plan, ending, reason, endedAt: new Date(minute * 60_000).toISOString() }) as EndedRun;
const drained = run('cancelled', 'drain-cancelled', now / 60_000);
const completed = run('completed', null, now / 60_000);
const many = (...runs: [number, EndedRun][]) => runs.flatMap(([count, one]) => Array<EndedRun>(count).fill(one));

const old = 'its last complete backup is older than its maxAge of 26h';
const never = 'it has no complete backup yet, and its maxAge is 26h';
const cancelled = 'its last 5 backups were each cancelled by a drain';

test.each<[string, string | undefined, string | null, EndedRun[], string | null]>([
  ['no objective and no backup', undefined, null, [], null],
  ['no objective and an old backup', undefined, hoursAgo(900), [completed], null],
  ['a backup within the age', '26h', hoursAgo(25), [completed], null],
  ['a backup of exactly the age', '26h', hoursAgo(26), [completed], null],
  ['a backup beyond the age', '26h', hoursAgo(26.1), [completed], old],
  ['no backup at all', '26h', null, [], never],
  ['four drains', undefined, null, many([4, drained]), null],
  ['five drains', undefined, hoursAgo(1), many([5, drained]), cancelled],
  ['five drains, and none of its backups is complete', undefined, null, many([5, drained]), cancelled],
  ['five drains within the age', '26h', hoursAgo(1), many([5, drained]), cancelled],
  ['five drains and the age', '26h', hoursAgo(27), many([5, drained]), `${old}; ${cancelled}`],
  [
    'five drains that a complete backup came after, whose record has left',
    undefined,
    hoursAgo(-1),
    many([5, drained]),
    null,
  ],
  ['a backup after five drains', undefined, hoursAgo(1), many([1, completed], [5, drained]), null],
  [
    'another end among the drains',
    undefined,
    null,
    many([2, drained], [1, run('failed', 'oom-killed')], [3, drained]),
    null,
  ],
  ['cancels by a person', undefined, null, many([5, run('cancelled', 'user-cancelled')]), null],
  ['drains that came when all was committed', undefined, null, many([5, run('completed', 'drain-cancelled')]), null],
])('%s', (_, maxAge, completedAt, last, why) => {
  const plan = maxAge === undefined ? {} : { objective: { maxAge } };
  const overdue = overdueOf(plan, { completedAt, drilledAt: null, last }, now);
  expect(overdue).toEqual(why && { since: completedAt, why, of: ['backup'] });
});

const untried = 'no drill has brought a backup of it back yet, and its drillEvery is 35d';
const stale = 'its last drill that succeeded is older than its drillEvery of 35d';

test.each<[string, string | null, string | null, string | null, string[]]>([
  ['no backup that could be tried', null, null, null, []],
  ['a backup that was never tried', hoursAgo(1), null, untried, ['drill']],
  ['a drill within the time', hoursAgo(1), hoursAgo(35 * 24), null, []],
  ['a drill beyond the time', hoursAgo(1), hoursAgo(35 * 24 + 1), stale, ['drill']],
  ['an old backup and an old drill', hoursAgo(27), hoursAgo(900), `${old}; ${stale}`, ['backup', 'drill']],
])('%s, held against drillEvery', (what, completedAt, drilledAt, why, of) => {
  const objective = { drillEvery: '35d', ...(what.startsWith('an old backup') && { maxAge: '26h' }) };
  const overdue = overdueOf({ objective }, { completedAt, drilledAt, last: [] }, now);
  expect(overdue).toEqual(why && { since: completedAt, why, of });
});

test('the next moment at which a plan can come to be overdue is the sooner of both ages', () => {
  const plan = { objective: { maxAge: '26h', drillEvery: '10d' } };
  const due = (completedAt: string | null, drilledAt: string | null) =>
    (dueAtMs(plan, { completedAt, drilledAt }) - now) / 3_600_000;
  expect(due(hoursAgo(1), hoursAgo(24))).toBe(25);
  expect(due(hoursAgo(1), hoursAgo(239))).toBe(1);
  expect(due(hoursAgo(1), null)).toBe(Number.NEGATIVE_INFINITY);
  expect(dueAtMs({}, { completedAt: null, drilledAt: null })).toBe(Number.POSITIVE_INFINITY);
});

describe('what is looked at', () => {
  test('of the catalog the newest of each plan that is complete: a partial one lacks something', () => {
    const entry = (plan: string, hours: number, outcome: 'completed' | 'partial' = 'completed') => ({
      plan,
      outcome,
      completedAt: hoursAgo(hours),
    });
    const entries = [entry('docs', 1, 'partial'), entry('docs', 3), entry('docs', 2), entry('other', 9)];
    expect([...newestComplete(entries)]).toEqual([
      ['docs', hoursAgo(2)],
      ['other', hoursAgo(9)],
    ]);
  });

  test('of the runs the last five of each plan, newest first, each once', () => {
    const runs = [3, 1, 7, 5, 5, 2, 6].map(minute => run('cancelled', 'drain-cancelled', minute));
    const last = lastRuns([...runs, run('completed', null, 4, 'other')]);
    expect(last.get('docs')?.map(({ id }) => id)).toEqual(['docs-7', 'docs-6', 'docs-5', 'docs-3', 'docs-2']);
    expect(last.get('other')).toEqual([run('completed', null, 4, 'other')]);
  });
});

test('a plan may say its objective, in durations', () => {
  const plan = { name: 'docs', engine: { type: 'files', path: '/srv' }, repository: 'nas' };
  const of = (objective: object) => planSchema.safeParse({ ...plan, objective }).success;
  expect(of({ maxAge: '26h', drillEvery: '35d' })).toBe(true);
  expect(of({ maxAge: 'a day' })).toBe(false);
  expect(of({ maxage: '26h' })).toBe(false);
});
