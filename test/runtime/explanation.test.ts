import { expect, test } from 'vitest';
import { agentMachine } from '../../machines/agent.ts';
import { explain } from '../../src/runtime/explanation.ts';
import { door } from '../support/door.ts';
import { makeRecord } from '../support/records.ts';

const of = (fields: Parameters<typeof makeRecord>[0]) =>
  makeRecord({ kind: 'door', id: 'front', machine: { id: 'door', version: 1 }, context: { opened: 0 }, ...fields });

test('an explanation says what the state means, how it was come by, what it waits for, until when, and what it can take', () => {
  const deadlines = { later: '2026-01-01T02:00:00.000Z', draught: '2026-01-01T00:01:00.000Z' };
  const record = of({ state: 'closed', from: 'open', event: 'door.close', deadlines, canTake: ['door.open'] });
  expect(explain(record, door())).toEqual({
    state: 'closed',
    why: 'It is closed. It came from open by door.close.',
    since: record.since,
    waitsFor: null,
    until: { deadline: 'draught', at: '2026-01-01T00:01:00.000Z' },
    canTake: ['door.open'],
  });
  expect(explain(of({ state: 'opening', from: null, event: 'actor.created' }), door())).toMatchObject({
    why: 'It began by actor.created.',
    waitsFor: 'its hinges',
    until: null,
  });
});

test('a command that is not taken is told, with the guards that are against it', () => {
  const record = of({ state: 'closed', from: 'open', event: 'door.close', canTake: ['door.open'] });
  expect(explain(record, door(), 'door.open')).not.toHaveProperty('refused');
  expect(explain(record, door(), 'door.close').refused).toEqual({ command: 'door.close', guards: [] });
  const machine = { ...door(), machine: agentMachine };
  const drained = makeRecord({
    kind: 'agent',
    id: 'here',
    machine: { id: 'agent', version: 1 },
    state: 'draining.emptying',
    event: 'agent.shutdown',
    canTake: [],
  });
  expect(explain(drained, machine, 'agent.undrain').refused).toEqual({
    command: 'agent.undrain',
    guards: ['isStaying'],
  });
});

test('the message of the context is part of why', () => {
  const record = of({
    state: 'closed',
    from: 'open',
    event: 'door.close',
    context: { message: 'There was a draught.' },
  });
  expect(explain(record, door()).why).toBe('It is closed. It came from open by door.close. There was a draught.');
});

test.each([
  ['of a kind that this agent does not know', undefined, 'closed'],
  ['in a state that its machine does not have', door(), 'ajar'],
])('a record %s is explained by itself', (_, definition, state) => {
  expect(explain(of({ state, from: 'open', event: 'door.close' }), definition)).toMatchObject({
    state,
    why: 'It came from open by door.close.',
    waitsFor: null,
  });
});
