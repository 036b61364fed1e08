import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pairs, pairOf, type Selecting } from '../../../src/actors/schedules/pairs.ts';
import { scheduleActorId } from '../../../src/domain/schedule.ts';

type Labels = Record<string, string>;

test('a schedule that selects has a pair of each plan with its labels, and one that names a plan has one once it is there', () => {
  const pairs = new Pairs();
  expect(pairs.scheduleChanged('nightly', { plans: { labels: { tier: 'db' } } })).toEqual([]);
  expect(pairs.scheduleChanged('weekly', { plan: 'docs' })).toEqual([]);
  expect(pairs.planChanged('docs', {})).toEqual(['weekly--docs']);
  expect(pairs.planChanged('orders', { tier: 'db', site: 'fra' })).toEqual(['nightly--orders']);
  expect(pairs.planChanged('orders', { tier: 'db' })).toEqual([]);
  expect([...pairs.ids()].sort()).toEqual(['nightly--orders', 'weekly--docs']);
  expect(pairs.planChanged('orders', {})).toEqual(['nightly--orders']);
  expect(pairs.has('nightly--orders')).toBe(false);
  expect(pairs.scheduleChanged('weekly', undefined)).toEqual(['weekly--docs']);
  expect(pairs.size).toBe(0);
});

test('the name of an actor tells its schedule and its plan', () => {
  const pair = { schedule: 'every-six', plan: 'a-b-c' };
  expect(pairOf(scheduleActorId(pair.schedule, pair.plan))).toEqual(pair);
});

test('after any changes in any order the pairs are those of the documents as they are, and each change names what it changed', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const labels = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2'));
  const selecting: fc.Arbitrary<Selecting> = fc.oneof(
    name.map(plan => ({ plan })),
    labels.map(each => ({ plans: { labels: each } })),
  );
  const change = fc.oneof(
    fc.record({ what: fc.constant('plan' as const), name, to: fc.option(labels, { nil: undefined }) }),
    fc.record({ what: fc.constant('schedule' as const), name, to: fc.option(selecting, { nil: undefined }) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), changes => {
      const pairs = new Pairs();
      const plans = new Map<string, Labels>();
      const schedules = new Map<string, Selecting>();
      for (const { what, name, to } of changes) {
        const before = new Set(pairs.ids());
        const told =
          what === 'plan'
            ? pairs.planChanged(name, to as Labels | undefined)
            : pairs.scheduleChanged(name, to as Selecting | undefined);
        const documents = (what === 'plan' ? plans : schedules) as Map<string, unknown>;
        if (to === undefined) documents.delete(name);
        else documents.set(name, to);
        const wanted = expected(plans, schedules);
        expect(new Set(pairs.ids())).toEqual(wanted);
        const moved = [...new Set([...before, ...wanted])].filter(id => before.has(id) !== wanted.has(id));
        for (const id of moved) expect(told).toContain(id);
      }
    }),
  );
});

/** By the definition, all over again. */
function expected(plans: ReadonlyMap<string, Labels>, schedules: ReadonlyMap<string, Selecting>): Set<string> {
  const ids = new Set<string>();
  for (const [schedule, document] of schedules)
    for (const [plan, labels] of plans) {
      const wanted = Object.entries(document.plans?.labels ?? {});
      const isWanted = document.plan === undefined ? wanted.every(([key, value]) => labels[key] === value) : false;
      if (isWanted || document.plan === plan) ids.add(`${schedule}--${plan}`);
    }
  return ids;
}
