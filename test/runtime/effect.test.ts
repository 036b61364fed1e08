import { expect, test } from 'vitest';
import { createActor, type EventObject, setup } from 'xstate';
import {
  type EffectScope,
  effect,
  effectsSettled,
  unsettledEffects,
  unsettledNames,
} from '../../src/runtime/effect.ts';
import { eventually } from '../support/eventually.ts';

/** An actor that does its work in `busy`, and can be told to leave it and to come back. */
function worker(run: (scope: EffectScope<{ job: string }>) => Promise<string>) {
  const heard: string[] = [];
  const machine = setup({
    types: { events: {} as { type: 'leave' | 'back' | 'fact' } },
    actors: { work: effect<string, { job: string }>(run) },
    actions: { hear: ({ event }) => void heard.push(event.type) },
  }).createMachine({
    initial: 'busy',
    on: { fact: { actions: 'hear' } },
    states: {
      busy: {
        invoke: { id: 'work', src: 'work', input: { job: 'dig' }, onDone: { target: 'done', actions: 'hear' } },
        on: { leave: 'idle' },
      },
      idle: { on: { back: 'busy' } },
      done: {},
    },
  });
  return { actor: createActor(machine), heard };
}

const fact: EventObject = { type: 'fact' };

test('an effect has its input, tells facts, and its end is heard', async () => {
  const { actor, heard } = worker(async ({ input, tell }) => {
    tell(fact);
    return input.job;
  });
  actor.start();
  await eventually('it is done', () => actor.getSnapshot().value === 'done');
  expect(heard).toEqual(['fact', 'xstate.done.actor.work']);
});

test('an effect whose state was left is aborted, and what it still tells is not heard by the next', async () => {
  const scopes: EffectScope<{ job: string }>[] = [];
  const { actor, heard } = worker(scope => {
    scopes.push(scope);
    return new Promise(() => undefined);
  });
  actor.start();
  actor.send({ type: 'leave' });
  actor.send({ type: 'back' });
  expect(scopes.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  scopes[0]?.tell(fact);
  expect(heard).toEqual([]);
  scopes[1]?.tell(fact);
  expect(heard).toEqual(['fact']);
});

test('a stop does not end an effect, and the ledger says which runs on until it has settled, well or not', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    const gate = Promise.withResolvers<string>();
    const { actor } = worker(() => gate.promise);
    actor.start();
    actor.stop();
    expect(unsettledEffects(actor.system)).toBe(1);
    expect(unsettledNames(actor.system)).toEqual(['work']);
    let isSettled = false;
    const settled = effectsSettled(actor.system).then(() => {
      isSettled = true;
    });
    await new Promise(resolve => setImmediate(resolve));
    expect(isSettled).toBe(false);
    if (end === 'resolve') gate.resolve('dug');
    else gate.reject(new Error('no spade'));
    await settled;
    expect(unsettledNames(actor.system)).toEqual([]);
  }
});

test('the ledger of an actor without effects is settled', async () => {
  const actor = createActor(setup({}).createMachine({}));
  await effectsSettled(actor.system);
  expect(unsettledEffects(actor.system)).toBe(0);
});
