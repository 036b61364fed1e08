/** The agent: its states over its incarnations, by pure transitions and over its graph. */

import { describe, expect, it } from 'vitest';
import { type AnyMachineSnapshot, type EventObject, initialTransition, transition } from 'xstate';
import { type AgentContext, agentCommands, agentDeadlineMs, agentMachine } from '../../machines/agent.ts';
import { checkAgainst } from '../../src/core/schema.ts';
import { outcomesFrom, pathOf, reachable, restingStates, step, topOf } from './graph.ts';

const input = { name: 'nas-1', incarnation: 'i1', host: 'h1', graceMs: 25_000, at: 1_000 };
const report = { stopped: 3, unstopped: [], tookMs: 40 };
const joined = told('xstate.done.actor.join');
const drained = told('xstate.done.actor.drainChildren', { output: report });
const drain = told('agent.drain');
const shutdown = told('agent.shutdown');
const starting = told('agent.starting', { incarnation: 'i2', host: 'h1', graceMs: 25_000 });
const overdue = told('deadline.passed', { name: 'drain' });
const outcomes = [
  joined,
  drained,
  overdue,
  told('xstate.error.actor.join', { error: new Error('no lease') }),
  told('xstate.error.actor.drainChildren', { error: new Error('no report') }),
];
const events = [...outcomes, drain, shutdown, starting, told('agent.undrain'), told('agent.fenced', { by: 'i9' })];
const walk = { machine: agentMachine, input, keyOf };

describe('an agent', () => {
  it('that was drained stays drained until it is undrained', () => {
    const { states, context } = play([joined, drain, drained, told('agent.undrain')]);
    expect(states).toEqual(['joining', 'running', 'draining.emptying', 'draining.empty', 'running']);
    expect(context).toMatchObject({ report, drain: null });
  });

  it('that is shut down drains and stops', () => {
    expect(play([joined, shutdown, drained]).states.slice(-2)).toEqual(['draining.emptying', 'stopped']);
  });

  it('that is shut down while it drains stops when the drain is over', () => {
    const { last, context } = play([joined, drain, shutdown, drained]);
    expect([last, context.report]).toEqual(['stopped', report]);
  });

  it('that is shut down is not undrained', () => {
    expect(play([joined, shutdown, told('agent.undrain')]).last).toBe('draining.emptying');
  });

  it('that is drained already stops at once', () => {
    expect(play([joined, drain, drained, shutdown]).last).toBe('stopped');
  });

  it('whose drain says nothing within its grace goes on without the report', () => {
    const { context, last } = play([joined, shutdown, overdue]);
    expect([last, context.message]).toEqual(['stopped', 'the drain did not report within its grace']);
    const draining = play([joined, shutdown]).context;
    expect(agentDeadlineMs('drain', draining)).toBe(26_000);
    expect(draining.drain?.deadline).toBe(2_000 + 25_000);
  });

  it('keeps at most 20 of those that did not stop', () => {
    const unstopped = Array.from({ length: 50 }, (_, n) => ({ kind: 'backup', id: `b${n}`, state: 'committing' }));
    const { context } = play([
      joined,
      drain,
      told('xstate.done.actor.drainChildren', { output: { ...report, unstopped } }),
    ]);
    expect(context.report?.unstopped).toHaveLength(20);
  });

  it('whose name is taken is fenced, and takes no work', () => {
    const { last, context } = play([joined, told('agent.fenced', { by: 'i9' })]);
    expect([last, context.fencedBy]).toEqual(['fenced', 'i9']);
  });

  it('that cannot join stops, and says why', () => {
    const { last, context } = play([told('xstate.error.actor.join', { error: new Error('another nas-1 lives') })]);
    expect([last, context.message]).toEqual(['stopped', 'another nas-1 lives']);
  });
});

describe('the graph of the agent', () => {
  const reached = reachable(walk, events);

  it('reaches every state that it declares', () => {
    const paths = new Set([...reached.values()].map(snapshot => pathOf(snapshot)));
    expect([...paths].sort()).toEqual(restingStates(agentMachine));
  });

  it('lets a new incarnation take over from every state', () => {
    for (const from of reached.values()) {
      const next = step(agentMachine, from, starting);
      expect(next.value).toBe('joining');
      expect(next.context).toMatchObject({ incarnation: 'i2', drain: null, fencedBy: null });
    }
    expect(reached.size).toBeGreaterThan(6);
  });

  it('stops after a shutdown, wherever it was, whatever its effects do', () => {
    for (const from of reached.values()) {
      if (!from.can(shutdown as never)) continue;
      const { ends, wrong } = outcomesFrom(walk, step(agentMachine, from, shutdown), outcomes, isStopped);
      expect([keyOf(from), wrong, [...ends]]).toEqual([keyOf(from), [], ['stopped']]);
    }
  });

  it('takes a shutdown everywhere but where it has one, or has stopped', () => {
    const deaf = [...reached.values()].filter(from => !from.can(shutdown as never)).map(from => pathOf(from));
    expect(new Set(deaf)).toEqual(new Set(['stopped', 'draining.emptying']));
  });
});

describe('the commands of the agent', () => {
  it('take a note and a request’s id, and nothing else', () => {
    const schema = agentCommands['agent.drain'];
    expect(checkAgainst(schema, { type: 'agent.drain', note: 'kernel', requestId: 'r1' })).toHaveProperty('value');
    expect(checkAgainst(schema, { type: 'agent.drain', force: true })).toEqual({
      wrong: 'force: is not a known field (known here: type, note, requestId)',
    });
    expect(checkAgainst(schema, { type: 'agent.shutdown' })).toEqual({ wrong: 'type: must be agent.drain' });
    expect(checkAgainst(schema, { note: 7 })).toEqual({
      wrong: 'note: must be a text of at most 1,000 characters; type: is missing; it must be agent.drain',
    });
    expect(checkAgainst(schema, 'agent.drain')).toEqual({ wrong: 'is not an object' });
    expect(checkAgainst(schema, { type: 'agent.drain', requestId: '' })).toHaveProperty('wrong');
  });
});

function told(type: string, fields: object = {}): EventObject {
  return { type, at: 2_000, ...fields } as EventObject;
}

function keyOf(snapshot: AnyMachineSnapshot): string {
  return `${pathOf(snapshot)} ${(snapshot.context as AgentContext).drain?.afterwards}`;
}

function isStopped(snapshot: AnyMachineSnapshot): boolean {
  return topOf(snapshot) === 'stopped';
}

function play(events: EventObject[]) {
  let snapshot = initialTransition(agentMachine, input)[0] as AnyMachineSnapshot;
  const states = [pathOf(snapshot)];
  for (const event of events) {
    snapshot = transition(agentMachine, snapshot as never, event as never)[0] as AnyMachineSnapshot;
    states.push(pathOf(snapshot));
  }
  return { states, last: states.at(-1), context: snapshot.context as AgentContext };
}
