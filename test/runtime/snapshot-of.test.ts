import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { snapshotOf } from '../../src/runtime/snapshot-of.ts';
import { door } from '../support/door.ts';

test('a snapshot of a record asks the effects of its state again, with the context that the record has', async () => {
  const asked: string[] = [];
  const { machine } = door(async () => void asked.push('swing'));
  const snapshot = snapshotOf(machine, { state: 'opening', context: { opened: 7 } });
  const actor = createActor(machine, { snapshot });
  expect(asked).toEqual([]);
  actor.start();
  expect(asked).toEqual(['swing']);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  actor.subscribe(({ value, context }) => void resolve({ value, context }));
  expect(await promise).toEqual({ value: 'open', context: { opened: 8 } });
});

test('a state without effects asks for none', () => {
  const asked: string[] = [];
  const { machine } = door(async () => void asked.push('swing'));
  createActor(machine, { snapshot: snapshotOf(machine, { state: 'open', context: { opened: 1 } }) }).start();
  expect(asked).toEqual([]);
});

test('a state that the machine does not have, and an effect that nobody provides, are errors that name it', () => {
  const { machine } = door();
  expect(() => snapshotOf(machine, { state: 'ajar', context: {} })).toThrow('ajar');
  const lost = machine.provide({});
  Object.assign(lost.implementations, { actors: {} });
  expect(() => snapshotOf(lost, { state: 'opening', context: {} })).toThrow('the effect swing');
});
