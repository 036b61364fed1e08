/** The end of a run: its engine is stopped, its commit slot settled, what it left removed; then it says how it ended. */
import { type Ending, endings } from '../src/domain/run.ts';
import { stamped } from './event-time.ts';
import { effectInput } from './run-effects.ts';
import * as told from './run-params.ts';
import { runs } from './run-setup.ts';
import { isDeadline, lostWithHost } from './run-transitions.ts';

/** The stop ladder of a run that will not go on: afterwards it cleans up, whatever it found. */
export const stopLadder = {
  meta: { deadlines: ['stopping'], waitsFor: 'the last process of its engine to end' },
  invoke: {
    id: 'stopEngine',
    src: 'stopEngine' as const,
    input: effectInput,
    onDone: [
      { guard: { type: 'isGone' as const, params: told.stop }, target: '#cleaning' },
      { target: '#cleaning', actions: { type: 'decideUnkillable' as const, params: told.survivors } },
    ],
    onError: { target: '#cleaning', actions: { type: 'decideUnkillable' as const, params: told.stopFailure } },
  },
  on: {
    'deadline.passed': {
      guard: isDeadline('stopping'),
      target: '#cleaning',
      actions: { type: 'decideUnkillable' as const, params: { pids: [], why: 'its engine did not end in time' } },
    },
    ...lostWithHost,
  },
};

/** The final state that the decided ending names. */
const theEnd = endings.map(ending => ({
  guard: { type: 'endsAs' as const, params: { ending } },
  target: `#${ending}`,
}));

/** What every run passes through before it says how it ended. */
export const cleaningState = runs.createStateConfig({
  id: 'cleaning',
  description: 'Its work is over; before it says how it ended, the commit slot is settled and what it left is removed.',
  initial: 'choosing',
  states: {
    choosing: {
      description: 'It is passed through at once: the commit slot is settled first where it is still open.',
      always: [{ guard: 'slotIsOpen', target: 'settling' }, { target: 'removing' }],
    },
    settling: {
      description:
        'It voids the commit slot, so that nothing of it can be listed later, or finds that it was committed.',
      meta: { deadlines: ['settling'], waitsFor: 'its repository to say what the commit slot holds' },
      invoke: {
        id: 'settleSlot',
        src: 'settleSlot',
        input: effectInput,
        onDone: { target: 'removing', actions: { type: 'recordSlot', params: told.slot } },
        onError: { target: 'removing', actions: { type: 'decideUnsettled', params: told.slotFailure } },
      },
      on: {
        'deadline.passed': {
          guard: isDeadline('settling'),
          target: 'removing',
          actions: { type: 'decideUnsettled', params: { why: 'its repository did not answer in time' } },
        },
        'host.away': { target: 'settling', reenter: true, actions: { type: 'recordHostAway' } },
      },
    },
    removing: {
      description: 'It removes its temporary files and locks, and runs the hooks after.',
      meta: { deadlines: ['removing'] },
      invoke: {
        id: 'cleanUp',
        src: 'cleanUp',
        input: effectInput,
        onDone: theEnd.map(end => ({ ...end, actions: { type: 'recordKept', params: told.kept } })),
        onError: theEnd.map(end => ({ ...end, actions: { type: 'recordKept', params: told.cleanUpFailure } })),
      },
      on: {
        'deadline.passed': theEnd.map(end => ({
          ...end,
          actions: { type: 'recordKept', params: { kept: ['what it left was not removed in time'] } },
        })),
        'host.away': { target: 'removing', reenter: true },
      },
    },
  },
});

/** How a run ends; nothing leaves these. */
export const finalStates = {
  completed: final('completed', 'It did all that was asked.'),
  partial: final('partial', 'It did what it could; what is missing is listed.'),
  cancelled: final('cancelled', 'It was cancelled; nothing of it runs or is listed.'),
  'timed-out': final('timed-out', 'A deadline ended it; nothing of it runs or is listed.'),
  failed: final('failed', 'It could not be done; the reason says why.'),
  lost: final('lost', 'Its host or its engine went away, and nobody knows how it ended.'),
};

function final(id: Ending, description: string) {
  return { id, type: 'final' as const, description, entry: { type: 'endRun' as const, params: stamped } };
}
