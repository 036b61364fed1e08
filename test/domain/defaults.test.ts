import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Defaults, defaultsSchema, effectivePlan } from '../../src/domain/defaults.ts';
import { type PlanDocument, planSchema } from '../../src/domain/plan.ts';

const ledger: PlanDocument = { name: 'ledger', labels: { tier: 'db' }, engine: { type: 'files', path: '/srv' } };

function of(name: string, plan: object, match: Record<string, string> = { tier: 'db' }): Defaults {
  return defaultsSchema.parse({ name, match, plan });
}

test('Defaults fill what a plan lacks, field by field, and the plan wins', () => {
  const written: PlanDocument = { ...ledger, deadlines: { stall: '1h' }, onDrain: 'finish' };
  const merged = effectivePlan(written, [
    of('db', { repository: 'dbs', deadlines: { stall: '15m', pending: '8h' }, onDrain: 'suspend' }),
  ]);
  expect(merged).toEqual({
    plan: { ...written, repository: 'dbs', deadlines: { stall: '1h', pending: '8h' } },
  });
});

test('only Defaults whose labels all fit are merged, and of several the later name wins', () => {
  const merged = effectivePlan(ledger, [
    of('z', { repository: 'late' }),
    of('a', { repository: 'early', objective: { maxAge: '26h' } }),
    of('other', { repository: 'no' }, { tier: 'db', site: 'fra' }),
    of('zz', { repository: 'no' }, { tier: 'web' }),
  ]);
  expect(merged).toEqual({ plan: { ...ledger, repository: 'late', objective: { maxAge: '26h' } } });
});

test('what is one choice is not mixed: a placement or a repository of the plan stands alone, and so do lists', () => {
  const written: PlanDocument = {
    ...ledger,
    repository: 'own',
    placement: { agent: 'db-b' },
    hooks: { before: ['own'] },
  };
  const below = of('db', {
    repository: { path: '/backup' },
    placement: { labels: { site: 'fra' } },
    hooks: { before: ['quiesce', 'sync'], finally: ['thaw'] },
  });
  expect(effectivePlan(written, [below])).toEqual({
    plan: { ...written, hooks: { before: ['own'], finally: ['thaw'] } },
  });
});

test('a plan that stays incomplete, or becomes invalid, is told with what was merged', () => {
  expect(effectivePlan(ledger, [])).toEqual({ wrong: 'repository: is missing', from: [] });
  expect(effectivePlan(ledger, [of('db', { retry: { attempts: 2 } })])).toEqual({
    wrong: 'repository: is missing',
    from: ['db'],
  });
});

test('Defaults say nothing of what a plan is, and no unknown fields', () => {
  for (const plan of [{ name: 'x' }, { engine: ledger.engine }, { labels: {} }, { retention: { keepDaly: 3 } }])
    expect(defaultsSchema.safeParse({ name: 'db', match: {}, plan }).success).toBe(false);
  expect(defaultsSchema.safeParse({ name: 'db', plan: {} }).success).toBe(false);
});

const piece = fc.record(
  {
    repository: fc.constantFrom('one', 'two', { path: '/backup' }),
    deadlines: fc.record(
      { stall: fc.constantFrom('1m', '2m'), run: fc.constantFrom('none', '3h') },
      { requiredKeys: [] },
    ),
    retry: fc.record({ attempts: fc.integer({ min: 1, max: 9 }) }, { requiredKeys: [] }),
    placement: fc.constantFrom({ any: true }, { agent: 'a' }, { labels: { site: 'fra' } }),
  },
  { requiredKeys: [] },
);

test('whatever is merged: the order in which Defaults are given decides nothing, what is written stands, twice is once', () => {
  const defaults = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      match: fc.constantFrom({}, { tier: 'db' }, { tier: 'web' }),
      plan: piece,
    }),
    { selector: each => each.name },
  );
  fc.assert(
    fc.property(piece, defaults, (own, all) => {
      const written = { ...ledger, ...own } as PlanDocument;
      const merged = effectivePlan(written, all as Defaults[]);
      expect(effectivePlan(written, all.toReversed() as Defaults[])).toEqual(merged);
      if (!('plan' in merged)) return;
      expect(planSchema.safeParse(merged.plan).success).toBe(true);
      expect(merged.plan).toMatchObject(written);
      expect(merged.plan.placement ?? null).toEqual(own.placement ?? merged.plan.placement ?? null);
      expect(effectivePlan(merged.plan, all as Defaults[])).toEqual(merged);
    }),
  );
});
