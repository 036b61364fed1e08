/** What can become of a schedule: over the graph of the real chart. */
import { describe, expect, it } from 'vitest';
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { type ScheduleContext, scheduleMachine } from '../../machines/schedule.ts';
import type { Schedule } from '../../src/domain/schedule.ts';
import { outcomesFrom, pathOf, reachable, restingStates, step, topOf, type Walk } from './graph.ts';
import { started } from './schedules.ts';

const document: Schedule = { name: 's', plan: 'docs', task: 'backup', every: '1s', overlap: 'queue-one' };
const current = { run: 'docs-1', kind: 'backup', tick: started };
const blocked = { run: 'docs-1', kind: 'backup', state: 'pending', since: '', why: '' };
const turn = { tick: started + 1_000, run: 'docs-2', byHand: false };
const free = { current: null, blocked: null, backlog: [], queued: null, lastFate: null };

const fired = (output: object) => told('xstate.done.actor.fire', { output: { ...free, ...output } });
const busy = [fired({ current }), fired({ current, blocked })];
const lines = [
  fired({ current, blocked, queued: turn }),
  fired({ current, blocked, queued: { ...turn, byHand: true } }),
  fired({ current, blocked, backlog: [turn.tick] }),
];
const failed = ['fire', 'follow'].map(effect => told(`xstate.error.actor.${effect}`, { error: new Error('away') }));
const passed = ['next', 'until', 'firing', 'backoff', 'drain'].map(name => told('deadline.passed', { name }));
const retire = told('schedule.retire');
const facts = [
  told('schedule.changed', { document: { ...document, every: '2s' }, revision: 2 }),
  retire,
  told('schedule.drain', { deadline: started + 900_000 }),
  told('agent.returned'),
];
const commands = [
  told('schedule.pause', { until: '2026-03-01T01:00:00Z' }),
  told('schedule.resume'),
  told('schedule.trigger', { run: 'by-hand' }),
];
const followed = told('xstate.done.actor.follow');
const events = [fired({}), ...busy, ...lines, followed, ...failed, ...passed, ...facts, ...commands];
const walk: Walk = { machine: scheduleMachine, input: { document, plan: 'docs', revision: 1, at: started }, keyOf };

describe('the graph of a schedule', () => {
  const reached = reachable(walk, events);

  it('reaches every state that it declares, and no other', () => {
    const paths = new Set([...reached.values()].map(snapshot => pathOf(snapshot)));
    expect([...paths].sort()).toEqual(restingStates(scheduleMachine));
    expect(reached.size).toBeGreaterThan(100);
  });

  it('retires from everywhere once its schedule is gone, whatever runs do', () => {
    const outcomes = [fired({}), ...busy, told('agent.returned')];
    let walks = 0;
    for (const from of reached.values()) {
      if (from.status !== 'active') continue;
      walks += 1;
      const { ends, wrong } = outcomesFrom(walk, step(scheduleMachine, from, retire), outcomes, isFinal);
      // A retry waits for its backoff, which is no outcome here.
      const stuck = wrong.filter(each => !each.includes('firing.retrying'));
      expect([keyOf(from), stuck, [...ends]]).toEqual([
        keyOf(from),
        [],
        topOf(from) === 'firing' && pathOf(from) === 'firing.retrying' ? [] : ['retired'],
      ]);
    }
    expect(walks).toBeGreaterThan(100);
  });

  it('takes a pause wherever it is, and then starts nothing of its own', () => {
    const [pause] = commands as [EventObject];
    const allowed = ['paused', 'firing.asking', 'firing.retrying', 'draining', 'released'];
    for (const from of reached.values()) {
      if (from.status !== 'active') continue;
      const next = step(scheduleMachine, from, pause);
      expect(allowed).toContain(pathOf(next));
      expect((next.context as ScheduleContext).pause).not.toBeNull();
    }
  });

  it('is released by a drain from everywhere, in one step or when what it decides is over', () => {
    for (const from of reached.values()) {
      if (['draining', 'released', 'retired'].includes(topOf(from))) continue;
      const next = step(scheduleMachine, from, facts[2] as EventObject);
      expect(topOf(next)).toBe(topOf(from) === 'firing' ? 'draining' : 'released');
      for (const way of [fired({}), ...lines, ...failed, ...passed.slice(4)])
        if (topOf(next) === 'draining' && next.can(way as never))
          expect(topOf(step(scheduleMachine, next, way))).toBe('released');
    }
  });

  it('asks for a visit only where it has one', () => {
    for (const from of reached.values()) {
      const { visit } = from.context as ScheduleContext;
      if (pathOf(from) === 'firing.asking' || pathOf(from) === 'draining')
        expect([keyOf(from), visit]).not.toContain(null);
      if (['waiting', 'blocked', 'paused', 'retired'].includes(topOf(from))) expect(visit).toBeNull();
    }
  });
});

/** What guards read. */
function keyOf(snapshot: AnyMachineSnapshot): string {
  const { visit, moreDue, backlog, queued, byHand, current, blocked, pause, change, retiring, drain } =
    snapshot.context as ScheduleContext;
  const flags = { moreDue, current, blocked, pause, change, byHand, retiring, drain };
  const set = Object.entries(flags).flatMap(([name, value]) => (value ? [name] : []));
  const line = [queued && (queued.byHand ? 'by hand' : 'queued'), backlog.length > 0 && 'backlog'].filter(Boolean);
  const visiting = visit && `visit ${visit.mode} ${visit.more}`;
  return [pathOf(snapshot), ...set, ...line, visiting ?? '', snapshot.context.revision].join(' ');
}

function isFinal(snapshot: AnyMachineSnapshot): boolean {
  return snapshot.status === 'done';
}

function told(type: string, fields: object = {}): EventObject {
  return { type, at: started + 600_000, ...fields } as EventObject;
}
