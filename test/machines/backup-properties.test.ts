/** What no sequence of events, sensible or not, can make a run do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyMachineSnapshot, type EventObject, initialTransition, transition } from 'xstate';
import { runDeadlineMs, runMachine } from '../../machines/backup.ts';
import type { OnDrain } from '../../src/domain/plan.ts';
import type { RunContext, RunKind } from '../../src/domain/run.ts';
import { repetitions, seedOf } from '../support/repetitions.ts';
import { pathOf } from './graph.ts';
import * as run from './runs.ts';

const kinds: RunKind[] = ['backup', 'restore', 'snapshot'];
const choices: OnDrain[] = ['suspend', 'finish', 'detach', 'cancel'];
const attemptsMax = 3;
const stopping = ['cancelling', 'timing-out'];
/** How an effect was asked for by a run, and what it said: what an ending must rest on. */
interface Told {
  goneFor: string | null;
  settled: 'manifest' | 'void' | null;
}

const lives = fc.record({
  task: fc.constantFrom(...kinds),
  onDrain: fc.constantFrom(...choices),
  /** Each number picks one of the events that the state takes; now and then any event at all. */
  picks: fc.array(fc.record({ pick: fc.nat(), any: fc.nat({ max: 9 }) }), { minLength: 20, maxLength: 60 }),
});

describe('whatever happens to a run', () => {
  it('its attempts stay within its plan, and its deadlines are no less than nothing', () => {
    each(({ after }) => {
      expect(after.attempt).toBeGreaterThanOrEqual(1);
      expect(after.attempt).toBeLessThanOrEqual(attemptsMax);
      for (const { name } of run.allDeadlines as (EventObject & { name: string })[])
        expect(runDeadlineMs(name, after, 0.5) ?? 0).toBeGreaterThanOrEqual(0);
    });
  });

  it('what its slot says is never unsaid, and decides the ending', () => {
    each(({ before, after }) => {
      if (before.slot !== 'manifest' && before.slot !== 'void') return;
      expect(after.slot).toBe(before.slot);
      if (before.slot === 'manifest') expect(after.ending).toBe(before.ending);
    });
  });

  it('only a manifest in its slot makes a backup', () => {
    each(({ state, after }) => {
      if (after.task === 'restore' || !['completed', 'partial'].includes(state)) return;
      expect(after.slot).toBe('manifest');
    });
  });

  it('it is cancelled or timed out only when its engine is gone and its slot, where it had one, is void', () => {
    let endings = 0;
    each(({ state, after, told }) => {
      if (state !== 'cancelled' && state !== 'timed-out') return;
      endings += 1;
      expect(told.goneFor).toBe(state === 'cancelled' ? 'cancelling' : 'timing-out');
      expect(after.slot === 'none' || after.slot === 'void').toBe(true);
      if (after.slot === 'void') expect(told.settled).toBe('void');
    });
    expect(endings).toBeGreaterThan(50);
  });

  it('its end is its end', () => {
    let ends = 0;
    each(({ was, state, status }) => {
      if (status === 'done') ends += 1;
      if (was.status === 'done') expect(state).toBe(pathOf(was));
    });
    expect(ends).toBeGreaterThan(100);
  });

  it('it survives JSON: the same state and context, read back, go the same way', () => {
    each(({ after }) => expect(JSON.parse(JSON.stringify(after))).toEqual(after), repetitions(500));
  });
});

interface Moment {
  was: AnyMachineSnapshot;
  state: string;
  status: string;
  before: RunContext;
  after: RunContext;
  told: Told;
}

const every = [...run.outcomes, ...run.allDeadlines, ...run.facts];

function each(check: (moment: Moment) => void, numRuns = repetitions(1_000)): void {
  fc.assert(
    fc.property(lives, ({ task, onDrain, picks }) => {
      const machine = runMachine(task);
      const events = [...every, ...run.commandsOf(task)];
      let snapshot = initialTransition(
        machine,
        run.inputOf({ task, onDrain, attempts: attemptsMax }),
      )[0] as AnyMachineSnapshot;
      const told: Told = { goneFor: null, settled: null };
      let at = run.started;
      for (const { pick, any } of picks) {
        const taken =
          any === 0 ? events : events.filter(event => snapshot.status === 'active' && snapshot.can(event as never));
        const among = taken.length > 0 ? taken : events;
        at += 1_000;
        const event = { ...(among[pick % among.length] as EventObject), at } as EventObject & { output?: unknown };
        note(told, snapshot, event);
        const was = snapshot;
        // The runtime ends with the actor: a final one is handed nothing more, but if it were, nothing may change.
        snapshot = transition(machine, snapshot as never, event as never)[0] as AnyMachineSnapshot;
        check({
          was,
          state: pathOf(snapshot),
          status: snapshot.status,
          before: was.context,
          after: snapshot.context,
          told,
        });
      }
    }),
    { numRuns, ...seedOf(20260301) },
  );
}

function note(told: Told, snapshot: AnyMachineSnapshot, event: EventObject & { output?: unknown }): void {
  const { gone, slot } = (event.output ?? {}) as { gone?: boolean; slot?: 'manifest' | 'void' };
  const state = pathOf(snapshot);
  if (event.type === 'xstate.done.actor.stopEngine' && gone && stopping.includes(state)) told.goneFor = state;
  if (event.type === 'xstate.done.actor.settleSlot' && slot && state === 'cleaning.settling') told.settled = slot;
}
