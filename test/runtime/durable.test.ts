import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type AnyActorRef,
  type AnyStateMachine,
  assign,
  createActor,
  type EventObject,
  emit,
  fromCallback,
  raise,
  setup,
} from 'xstate';
import {
  DurableLogic,
  type DurablePort,
  type Envelope,
  mailEvent,
  parkedMax,
  type Step,
  type Verdict,
} from '../../src/runtime/durable.ts';
import { eventually } from '../support/eventually.ts';

/** A port whose writes a test decides; without a say they are done at once. */
function port(write: (step: Step) => Promise<void> = () => Promise.resolve()) {
  const committed: Step[] = [];
  const rejected: unknown[] = [];
  const made: DurablePort = {
    stamp: event => event,
    write,
    committed: step => committed.push(step),
    rejected: cause => rejected.push(cause),
  };
  return { port: made, committed, rejected };
}

/** A chart of four states; what its actions and effects do is told in order. */
interface Chart {
  /** By state and event: the target, and whether an event is raised on the way. */
  on: { target: number; raises: boolean }[][];
  /** Which states have an effect. */
  invokes: boolean[];
}

const eventTypes = ['a', 'b', 'c'] as const;

function machineOf(chart: Chart, tell: (what: string) => void): AnyStateMachine {
  const builder = setup({
    types: { context: {} as { steps: number }, events: {} as { type: (typeof eventTypes)[number] | 'raised' } },
    actors: {
      work: fromCallback<EventObject, { state: number }>(({ input: { state } }) => {
        tell(`+${state}`);
        return () => tell(`-${state}`);
      }),
    },
    actions: {
      count: assign(({ context }) => ({ steps: context.steps + 1 })),
      shout: emit(({ context }) => ({ type: 'shout', steps: context.steps })),
      raise: raise({ type: 'raised' }),
    },
  });
  const states = Object.fromEntries(
    chart.on.map((row, state) => [
      `s${state}`,
      {
        on: Object.fromEntries(
          row.map(({ target, raises }, event) => [
            eventTypes[event] as 'a',
            {
              target: `s${target}`,
              actions: raises ? (['count', 'shout', 'raise'] as const) : (['count', 'shout'] as const),
            },
          ]),
        ),
        ...(chart.invokes[state] ? { invoke: { id: `work${state}`, src: 'work' as const, input: { state } } } : {}),
      },
    ]),
  );
  // Built from data, so the compiler cannot follow it.
  const config = { id: 'any', context: { steps: 0 }, on: { raised: { actions: 'count' } }, initial: 's0', states };
  return builder.createMachine(config as never) as unknown as AnyStateMachine;
}

function told(actor: AnyActorRef, into: string[]): void {
  actor.on('*', ({ steps }: EventObject & { steps?: number }) => into.push(`shout ${steps}`));
  let last: unknown;
  actor.subscribe(snapshot => {
    if (snapshot === last) return;
    last = snapshot;
    into.push(`${String(snapshot.value)} ${snapshot.context.steps}`);
  });
}

const charts = fc.record({
  on: fc.array(fc.array(fc.record({ target: fc.nat(3), raises: fc.boolean() }), { minLength: 3, maxLength: 3 }), {
    minLength: 4,
    maxLength: 4,
  }),
  invokes: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
});
const histories = fc.array(fc.constantFrom(...eventTypes), { maxLength: 12 });

/** What an observer, a listener and the effects are told when the machine runs bare. */
function bare(chart: Chart, events: readonly EventObject['type'][]): string[] {
  const log: string[] = [];
  const actor = createActor(machineOf(chart, what => log.push(what)));
  told(actor, log);
  actor.start();
  for (const type of events) actor.send({ type });
  return log;
}

test('any machine that runs durably, whatever its writes are late by, goes through what the bare one does, in its order', async () => {
  await fc.assert(
    fc.asyncProperty(charts, histories, fc.scheduler(), async (chart, events, scheduler) => {
      const log: string[] = [];
      const { port: made, rejected } = port(() => scheduler.schedule(Promise.resolve(), 'write'));
      const actor = createActor(
        new DurableLogic(
          machineOf(chart, what => log.push(what)),
          made,
        ),
      );
      told(actor, log);
      actor.start();
      for (const type of events) {
        actor.send({ type });
        if (scheduler.count() > 0 && events.length % 2 === 0) await scheduler.waitOne();
      }
      await scheduler.waitIdle();
      expect(log).toEqual(bare(chart, events));
      expect(rejected).toEqual([]);
      actor.stop();
    }),
    { numRuns: 200 },
  );
});

test('of any machine whose write is refused nothing of that step is felt, nor of any that waited behind it', async () => {
  await fc.assert(
    fc.asyncProperty(charts, histories, fc.nat(12), async (chart, events, refusedAt) => {
      const log: string[] = [];
      let writes = 0;
      const { port: made, committed } = port(async () => {
        writes += 1;
        if (writes > refusedAt) throw new Error('another owner');
      });
      const actor = createActor(
        new DurableLogic(
          machineOf(chart, what => log.push(what)),
          made,
        ),
      );
      const ended = Promise.withResolvers<void>();
      made.rejected = () => {
        actor.stop();
        ended.resolve();
      };
      told(actor, log);
      actor.start();
      for (const type of events) actor.send({ type });
      if (events.length > refusedAt) await ended.promise;
      else await eventually('all are written', () => committed.length === events.length);
      if (events.length <= refusedAt) actor.stop();
      const felt = bare(chart, events.slice(0, refusedAt));
      // The end of the actor ends the effect of its last state.
      const [last] = log.slice(felt.length);
      expect(log.slice(0, felt.length)).toEqual(felt);
      expect(log.length - felt.length).toBeLessThanOrEqual(1);
      if (last !== undefined) expect(last).toMatch(/^-\d$/);
      expect(committed).toHaveLength(Math.min(events.length, refusedAt));
    }),
    { numRuns: 200 },
  );
});

/** A switch that takes `flip`, ends by `remove` and throws at `break`. */
function lightSwitch(effects: string[] = []) {
  return setup({
    types: { events: {} as { type: 'flip' | 'remove' | 'break' } },
    actors: {
      glow: fromCallback(() => {
        effects.push('+glow');
        return () => effects.push('-glow');
      }),
    },
    actions: {
      fail: assign(() => {
        throw new Error('it broke');
      }),
      failLate: () => {
        throw new Error('it broke late');
      },
    },
  }).createMachine({
    initial: 'off',
    on: { remove: '.gone', break: { actions: 'fail' } },
    states: {
      off: { on: { flip: 'on' } },
      on: { invoke: { id: 'glow', src: 'glow' }, on: { flip: { target: 'off', actions: 'failLate' } } },
      gone: { type: 'final' },
    },
  });
}

function envelopeOf(type: string, verdicts: string[]): EventObject {
  const settle = ({ outcome }: Verdict) => void verdicts.push(`${type} ${outcome}`);
  const envelope: Envelope = { command: { type }, settle };
  return { type: mailEvent, envelope } as EventObject;
}

test('whether a command can be taken is judged when it is proposed, not when it arrives', async () => {
  const gate = Promise.withResolvers<void>();
  const verdicts: string[] = [];
  const { port: made } = port(() => gate.promise);
  const actor = createActor(new DurableLogic(lightSwitch(), made)).start();
  actor.send(envelopeOf('flip', verdicts));
  actor.send(envelopeOf('remove', verdicts));
  actor.send(envelopeOf('flip', verdicts));
  expect(verdicts).toEqual([]);
  gate.resolve();
  await eventually('all are settled', () => verdicts.length === 3);
  expect(verdicts).toEqual(['flip taken', 'remove taken', 'flip late']);
});

test('a command without effect is refused and writes nothing', async () => {
  const verdicts: string[] = [];
  const { port: made, committed } = port();
  const actor = createActor(new DurableLogic(lightSwitch(), made)).start();
  actor.send(envelopeOf('unknown', verdicts));
  expect(verdicts).toEqual(['unknown refused']);
  expect(committed).toEqual([]);
  expect(actor.getSnapshot().value).toBe('off');
});

test('a commit that was forged, or is of a step that a stop ended, is nothing', async () => {
  const gate = Promise.withResolvers<void>();
  const { port: made, committed } = port(() => gate.promise);
  const actor = createActor(new DurableLogic(lightSwitch(), made)).start();
  actor.send({ type: 'flip' });
  actor.send({ type: 'reeve.commit' });
  expect(actor.getSnapshot().value).toBe('off');
  actor.stop();
  gate.resolve();
  await new Promise(resolve => setImmediate(resolve));
  expect(committed).toEqual([]);
});

test('what a stop finds parked is late', async () => {
  const verdicts: string[] = [];
  const { port: made } = port(() => new Promise(() => undefined));
  const actor = createActor(new DurableLogic(lightSwitch(), made)).start();
  actor.send({ type: 'flip' });
  actor.send(envelopeOf('flip', verdicts));
  actor.stop();
  expect(verdicts).toEqual(['flip late']);
});

/** A light that is on, what its effects did, and the errors that ended it. */
async function glowing() {
  const effects: string[] = [];
  const errors: string[] = [];
  const { port: made, committed } = port();
  const actor = createActor(new DurableLogic(lightSwitch(effects), made));
  actor.subscribe({ error: error => errors.push((error as Error).message) });
  actor.start();
  actor.send({ type: 'flip' });
  await eventually('it glows', () => committed.length === 1);
  return { actor, effects, errors };
}

test('a machine that throws tells whose command it was, and leaves no effect running', async () => {
  const verdicts: string[] = [];
  const { actor, effects, errors } = await glowing();
  actor.send(envelopeOf('break', verdicts));
  expect(verdicts).toEqual(['break crashed']);
  expect(errors).toEqual(['it broke']);
  expect(effects).toEqual(['+glow', '-glow']);
});

test('an action that throws after the step was written leaves no effect running; the command was taken', async () => {
  const verdicts: string[] = [];
  const { actor, effects, errors } = await glowing();
  actor.send(envelopeOf('flip', verdicts));
  actor.send(envelopeOf('flip', verdicts));
  await eventually('it crashed', () => errors.length === 1);
  expect(errors).toEqual(['it broke late']);
  expect(verdicts).toEqual(['flip taken', 'flip late']);
  expect(effects).toEqual(['+glow', '-glow']);
});

test('more events than may wait behind one write are a defect, told as a crash that leaves no effect running', async () => {
  const effects: string[] = [];
  const errors: string[] = [];
  let writes = 0;
  const { port: made, committed } = port(() => (++writes === 1 ? Promise.resolve() : new Promise(() => undefined)));
  const actor = createActor(new DurableLogic(lightSwitch(effects), made));
  actor.subscribe({ error: error => errors.push((error as Error).message) });
  actor.start();
  actor.send({ type: 'flip' });
  await eventually('it glows', () => committed.length === 1);
  for (let n = 0; n <= parkedMax; n += 1) actor.send({ type: 'flip' });
  expect(errors).toEqual([]);
  actor.send({ type: 'flip' });
  expect(errors).toEqual([`more than ${parkedMax} events wait behind one write`]);
  expect(effects).toEqual(['+glow', '-glow']);
});
