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
];
const failure = told('xstate.error.actor.fire', { error: new Error('away') });
const backoff = told('deadline.passed', { name: 'backoff' });
const overdue = told('deadline.passed', { name: 'drain' });
const passed = ['next', 'until', 'firing'].map(name => told('deadline.passed', { name }));
const retire = told('schedule.retire');
const drain = told('schedule.drain', { deadline: started + 900_000 });
const pause = told('schedule.pause', { until: '2026-03-01T01:00:00Z' });
const words = [
  told('schedule.changed', { document: { ...document, every: '2s' }, revision: 2 }),
  retire,
  drain,
  told('agent.returned'),
  pause,
  told('schedule.resume'),
  told('schedule.trigger', { run: 'by-hand' }),
];
const followed = told('xstate.done.actor.follow');
const events = [fired({}), ...busy, ...lines, followed, failure, backoff, overdue, ...passed, ...words];
const walk: Walk = { machine: scheduleMachine, input: { document, plan: 'docs', revision: 1, at: started }, keyOf };

describe('the graph of a schedule', () => {
  const reached = reachable(walk, events);

  it('reaches every state that it declares, and no other', () => {
    const paths = new Set([...reached.values()].map(snapshot => pathOf(snapshot)));
    expect([...paths].sort()).toEqual(restingStates(scheduleMachine));
    expect(reached.size).toBeGreaterThan(100);
  });

  const active = [...reached.values()].filter(({ status }) => status === 'active');

  it('retires from everywhere once its schedule is gone, whatever runs do', () => {
    const outcomes = [fired({}), ...busy, told('agent.returned'), backoff];
    const wrong = active.flatMap(from => {
      const found = outcomesFrom(walk, step(scheduleMachine, from, retire), outcomes, isFinal);
      const isRight = found.wrong.length === 0 && [...found.ends].join() === 'retired';
      return isRight ? [] : [[keyOf(from), [...found.ends], found.wrong]];
    });
    expect(wrong).toEqual([]);
    expect(active.length).toBeGreaterThan(1_000);
  });

  it('takes a pause wherever it is, and then starts nothing of its own', () => {
    const allowed = ['paused', 'firing.asking', 'firing.retrying', 'draining', 'released'];
    const wrong = active.filter(from => {
      const next = step(scheduleMachine, from, pause);
      return !allowed.includes(pathOf(next)) || (next.context as ScheduleContext).pause === null;
    });
    expect(wrong.map(keyOf)).toEqual([]);
  });

  it('is released by a drain from everywhere, in one step or when what it decides is over', () => {
    const ways = [fired({}), fired({ current, blocked, queued: turn }), failure, overdue];
    const wrong = active.filter(from => {
      if (['draining', 'released'].includes(topOf(from))) return false;
      const next = step(scheduleMachine, from, drain);
      if (topOf(from) !== 'firing') return topOf(next) !== 'released';
      return topOf(next) !== 'draining' || ways.some(way => topOf(step(scheduleMachine, next, way)) !== 'released');
    });
    expect(wrong.map(keyOf)).toEqual([]);
  });

  it('asks for a visit only where it has one, and rests only where it has none', () => {
    const wrong = active.filter(from => {
      const { visit } = from.context as ScheduleContext;
      if (['firing', 'draining'].includes(topOf(from))) return visit === null;
      return topOf(from) !== 'released' && visit !== null;
    });
    expect(wrong.map(keyOf)).toEqual([]);
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
