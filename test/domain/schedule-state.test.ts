import { expect, test } from 'vitest';
import type { Schedule } from '../../src/domain/schedule.ts';
import { plansOf, warningsOfPlans } from '../../src/domain/schedule-plans.ts';
import { type ScheduleRecord, scheduleState } from '../../src/domain/schedule-state.ts';

const nightly: Schedule = { name: 'nightly', plans: { labels: { tier: 'db' } }, task: 'backup', every: '1h' };
const nowMs = Date.parse('2026-01-01T00:30:00.000Z');

function record(plan: string, state: string, more: Partial<ScheduleRecord['context']> = {}): ScheduleRecord {
  const context = {
    schedule: 'nightly',
    plan,
    next: nowMs + 1_000,
    lastFate: null,
    blocked: null,
    pause: null,
    ...more,
  };
  return { id: `nightly--${plan}`, state, since: `${state}-since`, final: false, context };
}

const fate = (tick: string) => ({
  schedule: 'nightly',
  plan: 'a',
  tick,
  fate: 'ran' as const,
  reason: '',
  run: null,
  at: tick,
});

test('a schedule stands as the most remarkable of its plans, with the next tick and the last fate of any', () => {
  const blocked = { run: 'b-1', kind: 'backup' as const, state: 'transferring', since: 'then', why: 'it is slow' };
  const records = [
    record('a', 'waiting', { lastFate: fate('2026-01-01T00:00:00.000Z') }),
    record('b', 'blocked', { blocked, lastFate: fate('2026-01-01T00:10:00.000Z') }),
    record('c', 'paused', { next: nowMs + 500, pause: { at: 0, until: nowMs, note: 'a new disk' } }),
  ];
  const state = scheduleState(nightly, ['a', 'b', 'c', 'd'], records, nowMs);
  expect(state).toMatchObject({
    state: 'blocked',
    since: 'blocked-since',
    next: '2026-01-01T00:30:00.500Z',
    lastFate: { tick: '2026-01-01T00:10:00.000Z' },
  });
  expect(state.actors.map(({ plan, state, why }) => [plan, state, why])).toEqual([
    ['a', 'waiting', undefined],
    ['b', 'blocked', 'backup b-1 is in the way since then: it is slow'],
    ['c', 'paused', 'until 2026-01-01T00:30:00.000Z: a new disk'],
    ['d', null, undefined],
  ]);
  expect(state.actors[3]?.next).toBe('2026-01-01T01:00:00.000Z');
});

test('a schedule without a plan stands in no state, and comes never', () => {
  expect(scheduleState(nightly, [], [], nowMs)).toEqual({
    state: null,
    since: null,
    next: null,
    lastFate: null,
    actors: [],
  });
});

test('a selector means the plans that have all of its labels, and one that means none is told', () => {
  const plans = [
    { name: 'a', labels: { tier: 'db', site: 'fra' } },
    { name: 'b', labels: { tier: 'web' } },
    { name: 'c' },
  ];
  expect(plansOf(nightly, plans)).toEqual(['a']);
  expect(plansOf({ plans: { labels: {} } }, plans)).toEqual(['a', 'b', 'c']);
  expect(plansOf({ plan: 'c' }, plans)).toEqual(['c']);
  expect(warningsOfPlans(nightly, plans)).toEqual([]);
  expect(warningsOfPlans(nightly, plans.slice(1))).toEqual([
    'no plan has the labels tier: db now; it starts nothing until one has',
  ]);
});
