import { expect, test, vi } from 'vitest';
import { assign, setup } from 'xstate';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { effect } from '../../src/runtime/effect.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { VolatileActor, VolatileChild, type VolatileExit } from '../../src/runtime/volatile-actor.ts';
import { ManualClock } from '../support/runtime-host.ts';

/** A lamp: it burns for an hour, warns before, and its filament may break. */
function lamp(burn: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()) {
  const machine = setup({
    types: {
      context: {} as { warned: number; dips: number },
      events: {} as { type: 'dip' | 'break' | 'turn.off' } | { type: 'deadline.passed'; name: string },
    },
    actors: { burn: effect<void>(({ signal }) => burn(signal)) },
    actions: {
      warn: assign(({ context }) => ({ warned: context.warned + 1 })),
      dip: assign(({ context }) => ({ dips: context.dips + 1 })),
      shatter: () => {
        throw new Error('the filament broke');
      },
    },
    guards: { isWarning: ({ event }) => event.type === 'deadline.passed' && event.name === 'warning' },
  }).createMachine({
    id: 'lamp',
    context: { warned: 0, dips: 0 },
    initial: 'on',
    states: {
      on: {
        meta: { deadlines: ['warning', 'hour'] },
        invoke: { id: 'burn', src: 'burn' },
        initial: 'bright',
        on: {
          'deadline.passed': [{ guard: 'isWarning', actions: 'warn' }, { target: 'off' }],
          break: { actions: 'shatter' },
          'turn.off': { target: 'off' },
        },
        states: { bright: { on: { dip: { target: 'dim', actions: 'dip' } } }, dim: {} },
      },
      off: { type: 'final' },
    },
  });
  const lengths: Record<string, number> = { warning: 50 * 60_000, hour: 60 * 60_000 };
  return { kind: 'lamp', version: 1, machine, deadlineMs: (name: string) => lengths[name] };
}

function lit(definition: MachineDefinition = lamp()) {
  const clock = new ManualClock();
  const exits: VolatileExit[] = [];
  const actor = new VolatileActor({ definition, restart: 'temporary', clock, random: () => 0 }, {}, 'one');
  actor.begin({ exited: exit => void exits.push(exit) });
  return { actor, clock, exits };
}

test('each deadline is told once, also when the state changes within', async () => {
  const { actor, clock, exits } = lit();
  await clock.advance(51 * 60_000);
  expect(actor.root.getSnapshot().context).toMatchObject({ warned: 1 });
  actor.root.send({ type: 'dip' });
  await clock.advance(8 * 60_000);
  expect(actor.root.getSnapshot()).toMatchObject({ value: { on: 'dim' }, context: { warned: 1, dips: 1 } });
  await clock.advance(60_000);
  expect(exits).toEqual([{ exit: 'normal', output: undefined }]);
  expect(clock.alarms).toBe(0);
});

test('an actor that is done or stopped leaves no alarm', async () => {
  const done = lit();
  done.actor.root.send({ type: 'turn.off' });
  expect(done.clock.alarms).toBe(0);
  const stopped = lit();
  await stopped.actor.stop();
  expect(stopped.clock.alarms).toBe(0);
  expect(stopped.exits).toEqual([]);
});

test('an actor that threw leaves no effect running and no alarm', () => {
  let aborted = false;
  const burn = (signal: AbortSignal) =>
    new Promise<void>(() =>
      signal.addEventListener('abort', () => {
        aborted = true;
      }),
    );
  const { actor, clock, exits } = lit(lamp(burn));
  actor.root.send({ type: 'break' });
  expect(exits).toMatchObject([{ exit: 'crash', error: { message: 'the filament broke' } }]);
  expect(aborted).toBe(true);
  expect(clock.alarms).toBe(0);
});

/** A machine that ends as it starts, in the manner of `first`. */
function brief(first: 'context' | 'entry' | 'final' | 'deadline') {
  const fail = (): never => {
    throw new Error(`${first} failed`);
  };
  const machine = setup({ types: { context: {} as object }, actions: { fail } }).createMachine({
    id: 'brief',
    context: () => (first === 'context' ? fail() : {}),
    initial: first === 'final' ? 'over' : 'here',
    states: {
      here: { meta: { deadlines: ['one'] }, ...(first === 'entry' && { entry: 'fail' as const }) },
      over: { type: 'final' },
    },
  });
  return { kind: 'brief', version: 1, machine, deadlineMs: () => (first === 'deadline' ? fail() : undefined) };
}

test.each(['context', 'entry', 'deadline'] as const)('a start whose %s fails is a crash, told once', first => {
  const { clock, exits } = lit(brief(first));
  expect(exits).toMatchObject([{ exit: 'crash', error: { message: `${first} failed` } }]);
  expect(clock.alarms).toBe(0);
});

test('a machine whose first state is final is done, told once', () => {
  expect(lit(brief('final')).exits).toEqual([{ exit: 'normal', output: undefined }]);
});

test('an effect that fails without an onError is a crash of its actor', async () => {
  const { exits } = lit(lamp(() => Promise.reject(new Error('no current'))));
  await vi.waitFor(() => expect(exits).toMatchObject([{ exit: 'crash', error: { message: 'no current' } }]));
});

test('a drain waits for effects until its deadline, and reports what is left', async () => {
  const { actor, clock } = lit(lamp(() => new Promise(() => undefined)));
  const draining = actor.drain(clock.now() + 1_000);
  await clock.advance(1_000);
  expect(await draining).toMatchObject([{ kind: 'lamp', id: 'one' }]);
});

test('a child that crashes is started anew from its input, in the same turn', async () => {
  const clock = new ManualClock();
  const started: VolatileActor[] = [];
  const supervisor = new Supervisor({ name: 'lamps', clock, observe: () => undefined, random: () => 0 });
  const child = new VolatileChild({ definition: lamp(), restart: 'transient', clock, random: () => 0 }, 'one');
  const start = child.start.bind(child);
  child.start = life => {
    const actor = start(life);
    started.push(actor as VolatileActor);
    return actor;
  };
  await supervisor.add(child);
  started[0]?.root.send({ type: 'dip' });
  started[0]?.root.send({ type: 'break' });
  expect(started[1]?.root.getSnapshot()).toMatchObject({ status: 'active', context: { dips: 0 } });
  expect(await supervisor.drain(clock.now() + 1_000)).toEqual([]);
  expect(started[1]?.root.getSnapshot().status).toBe('stopped');
});
