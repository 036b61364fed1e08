import { expect, test } from 'vitest';
import { type AnyMachineSnapshot, type AnyStateMachine, initialTransition, setup, transition } from 'xstate';
import { DeadlineAlarm } from '../../src/runtime/deadline-alarm.ts';
import { type Deadlines, deadlinesOf, nearestOf } from '../../src/runtime/deadlines.ts';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { ManualClock } from '../support/runtime-host.ts';

const machine = setup({ types: { context: {} as { extra: number } } }).createMachine({
  id: 'run',
  context: { extra: 5 },
  initial: 'outer',
  states: {
    outer: {
      meta: { deadlines: ['whole', 'unlimited'] },
      initial: 'one',
      states: { one: { meta: { deadlines: ['part'] }, on: { next: 'two' } }, two: { on: { back: 'one' } } },
      on: { leave: 'rest' },
    },
    rest: { on: { enter: 'outer', end: 'over' } },
    over: { type: 'final' },
  },
}) as AnyStateMachine;

const definition: MachineDefinition = {
  kind: 'run',
  version: 1,
  machine,
  deadlineMs: (name, { extra }: { extra: number }, random) =>
    name === 'unlimited' ? undefined : (name === 'whole' ? 1_000 : 100) + extra + random * 10,
};

const half = () => 0.5;

test('a state’s deadlines begin when it is entered, by policy and chance, and end when it is left', () => {
  const [begun] = initialTransition(machine) as unknown as [AnyMachineSnapshot];
  const first = deadlinesOf(definition, begun, 10_000, half);
  expect(first).toEqual({ whole: 11_010, part: 10_110 });
  const step = (from: AnyMachineSnapshot, type: string) => transition(machine, from, { type })[0] as AnyMachineSnapshot;
  const two = step(begun, 'next');
  const second = deadlinesOf(definition, two, 10_050, half, { snapshot: begun, deadlines: first });
  expect(second).toEqual({ whole: 11_010 });
  const one = step(two, 'back');
  expect(deadlinesOf(definition, one, 10_200, half, { snapshot: two, deadlines: second })).toEqual({
    whole: 11_010,
    part: 10_310,
  });
  const rest = step(one, 'leave');
  expect(deadlinesOf(definition, rest, 10_300, half, { snapshot: one, deadlines: second })).toEqual({});
  const over = step(rest, 'end');
  expect(deadlinesOf(definition, over, 10_400, half)).toEqual({});
  const { deadlineMs: _, ...without } = definition;
  expect(deadlinesOf(without, begun, 10_000, half)).toEqual({});
});

test('a deadline that the context says follows the context, also while its state is not left', () => {
  const said: MachineDefinition = {
    ...definition,
    deadlineAt: (name, { extra }: { extra: number }) => (name === 'part' ? (extra > 0 ? extra : null) : undefined),
  };
  const [begun] = initialTransition(machine) as unknown as [AnyMachineSnapshot];
  const first = deadlinesOf(said, begun, 10_000, half);
  expect(first).toEqual({ whole: 11_010, part: 5 });
  const moved = { ...begun, context: { extra: 12_345 } } as unknown as AnyMachineSnapshot;
  const second = deadlinesOf(said, moved, 10_050, half, { snapshot: begun, deadlines: first });
  expect(second).toEqual({ whole: 11_010, part: 12_345 });
  const unsaid = { ...begun, context: { extra: 0 } } as unknown as AnyMachineSnapshot;
  const kept = { snapshot: moved, deadlines: second };
  expect(deadlinesOf(said, unsaid, 10_100, half, kept)).toEqual({ whole: 11_010 });
  const { deadlineMs: _, ...alone } = said;
  expect(deadlinesOf(alone, begun, 10_000, half)).toEqual({ part: 5 });
});

test('the nearest of no deadlines is never', () => {
  expect(nearestOf({})).toBe(Number.POSITIVE_INFINITY);
  expect(nearestOf({ a: 2, b: 1, c: 3 }, name => name === 'b')).toBe(2);
});

/** An alarm over deadlines that a test changes. */
function alarm(deadlines: Deadlines) {
  const clock = new ManualClock(0);
  const told: string[] = [];
  const held = { deadlines };
  const made = new DeadlineAlarm(
    clock,
    () => held.deadlines,
    name => void told.push(`${name} ${clock.now()}`),
  );
  made.arm();
  return { clock, told, held, alarm: made };
}

test('each deadline is told when it is over, nearest first, and one alarm stands for all', async () => {
  const { clock, told } = alarm({ late: 300, soon: 100, mid: 200 });
  expect(clock.alarms).toBe(1);
  await clock.advance(1_000);
  expect(told).toEqual(['soon 100', 'mid 200', 'late 300']);
  expect(clock.alarms).toBe(0);
});

test('a deadline whose telling led to a step that did not leave its state is not told again, until its time changes', async () => {
  const { clock, told, held, alarm: made } = alarm({ stall: 100 });
  await clock.advance(100);
  made.stepped('stall');
  made.arm();
  await clock.advance(1_000);
  made.stepped(undefined);
  made.arm();
  await clock.advance(1_000);
  expect(told).toEqual(['stall 100']);
  held.deadlines = { stall: 3_000 };
  made.stepped(undefined);
  made.arm();
  await clock.advance(1_000);
  expect(told).toEqual(['stall 100', 'stall 3000']);
});

test('a deadline that was told in vain is told again after another step: its guard may hold now', async () => {
  const { clock, told, alarm: made } = alarm({ stall: 100 });
  await clock.advance(1_000);
  expect(told).toEqual(['stall 100']);
  made.stepped(undefined);
  made.arm();
  await clock.advance(0);
  expect(told).toEqual(['stall 100', 'stall 1000']);
});

test('a disarmed alarm tells nothing', async () => {
  const { clock, told, alarm: made } = alarm({ stall: 100 });
  made.disarm();
  made.disarm();
  await clock.advance(1_000);
  expect(told).toEqual([]);
});
