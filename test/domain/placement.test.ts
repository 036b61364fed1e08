import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  agentOfPlan,
  type Candidate,
  heirOf,
  isSpokesman,
  ofAgent,
  responsibleFor,
} from '../../src/domain/placement.ts';
import type { Plan } from '../../src/domain/plan.ts';

const name = fc.stringMatching(/^[a-z]{1,4}$/);
const labels = fc.dictionary(fc.constantFrom('site', 'tier'), fc.constantFrom('a', 'b'));
const members = fc
  .uniqueArray(fc.record({ agent: name, labels, alive: fc.boolean() }), {
    selector: ({ agent }) => agent,
    minLength: 1,
    maxLength: 8,
  })
  .filter(all => all.some(({ alive }) => alive));
const placement: fc.Arbitrary<Plan['placement']> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ any: true as const }),
  name.map(agent => ({ agent })),
  labels.map(wanted => ({ labels: wanted })),
);

const alive = (all: readonly Candidate[]) => all.filter(each => each.alive).map(({ agent }) => agent);

/** The alive agents that take a plan, or say why nobody can. */
function answering(plan: Pick<Plan, 'name' | 'placement'>, all: readonly Candidate[]): string[] {
  return alive(all).filter(agent => responsibleFor(plan, all, agent).whose !== 'other');
}

describe('of all alive agents', () => {
  test('exactly one answers for a plan, whatever its placement', () => {
    fc.assert(
      fc.property(name, placement, members, (plan, where, all) => {
        const candidate = { name: plan, ...(where && { placement: where }) };
        expect(answering(candidate, all)).toHaveLength(1);
      }),
    );
  });

  test('the one that takes a plan is one that its placement admits', () => {
    fc.assert(
      fc.property(name, placement, members, (plan, where, all) => {
        for (const agent of alive(all)) {
          if (responsibleFor({ name: plan, ...(where && { placement: where }) }, all, agent).whose !== 'self') continue;
          if (where && 'agent' in where) expect(agent).toBe(where.agent);
          const has = all.find(each => each.agent === agent)?.labels;
          if (where && 'labels' in where) expect(has).toMatchObject(where.labels);
        }
      }),
    );
  });

  test('exactly one is the spokesman', () => {
    fc.assert(
      fc.property(members, all => {
        expect(alive(all).filter(agent => isSpokesman(all, agent))).toHaveLength(1);
      }),
    );
  });

  test('an agent that joins takes plans over, and moves none between the others', () => {
    fc.assert(
      fc.property(name, members, name, (plan, all, joining) => {
        fc.pre(all.every(({ agent }) => agent !== joining));
        const [before] = answering({ name: plan, placement: { any: true } }, all);
        const [after] = answering({ name: plan, placement: { any: true } }, [
          ...all,
          { agent: joining, labels: {}, alive: true },
        ]);
        expect([before, joining]).toContain(after);
      }),
    );
  });
});

test('plans of any placement are spread over the agents', () => {
  const all = ['a', 'b', 'c'].map(agent => ({ agent, labels: {}, alive: true }));
  const taken = new Set(Array.from({ length: 60 }, (_, index) => answering({ name: `plan-${index}` }, all)[0]));
  expect(taken.size).toBe(3);
});

test('the spokesman says that a named agent is away, or not known, or that no labels match', () => {
  const all = [
    { agent: 'a', labels: {}, alive: false },
    { agent: 'b', labels: {}, alive: true },
    { agent: 'c', labels: {}, alive: true },
  ];
  expect(ofAgent('a', all, 'b')).toEqual({ whose: 'nobody', why: 'away', agent: 'a' });
  expect(ofAgent('z', all, 'b')).toEqual({ whose: 'nobody', why: 'unknown', agent: 'z' });
  expect(ofAgent('a', all, 'c')).toEqual({ whose: 'other' });
  const unmatched = { name: 'p', placement: { labels: { site: 'x' } } };
  expect(responsibleFor(unmatched, all, 'b')).toEqual({ whose: 'nobody', why: 'unmatched' });
  expect(responsibleFor(unmatched, all, 'c')).toEqual({ whose: 'other' });
});

test('an heir is one of those that live, the same for everybody, and when one goes only what it had changes hands', () => {
  const members = ['a', 'b', 'c'].map(agent => ({ agent, labels: {}, alive: true }));
  const names = Array.from({ length: 300 }, (_, n) => `nightly--plan-${n}`);
  const before = names.map(name => heirOf(name, members));
  expect(names.map(name => heirOf(name, [...members].reverse()))).toEqual(before);
  expect(new Set(before)).toEqual(new Set(['a', 'b', 'c']));
  const after = names.map(name =>
    heirOf(
      name,
      members.map(each => ({ ...each, alive: each.agent !== 'b' })),
    ),
  );
  for (const [index, heir] of after.entries()) {
    if (before[index] !== 'b') expect(heir).toBe(before[index]);
    else expect(['a', 'c']).toContain(heir);
  }
  expect(heirOf('x', [])).toBeUndefined();
});

test('the runs of a plan belong to the agent that it names, also while that is away', () => {
  const members = ['a', 'b'].map(agent => ({ agent, labels: { rack: agent }, alive: agent === 'a' }));
  expect(agentOfPlan({ name: 'docs', placement: { agent: 'b' } }, members)).toBe('b');
  expect(agentOfPlan({ name: 'docs', placement: { any: true } }, members)).toBe('a');
  expect(agentOfPlan({ name: 'docs', placement: { labels: { rack: 'b' } } }, members)).toBeUndefined();
});
