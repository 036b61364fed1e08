/** A run whose agent stops, or that somebody suspends: its engine comes to an end that it can resume from. */
import type { RunKind } from '../src/domain/run.ts';
import { stamped } from './event-time.ts';
import { stopLadder } from './run-cleaning.ts';
import { effectInput } from './run-effects.ts';
import * as told from './run-params.ts';
import { runs } from './run-setup.ts';
import {
  afterFailure,
  afterTransfer,
  cancelled,
  drains,
  forDrain,
  forUser,
  isDeadline,
  lostWithHost,
  stopped,
  stopsForDrain,
  stopsForUser,
  timesOut,
  whileMoving,
} from './run-transitions.ts';

export function drainingState(kind: RunKind) {
  const cancel = { [`${kind}.cancel`]: cancelled('user-cancelled') };
  /** While the engine is being stopped, words about what comes then only change what comes then. */
  const secondThoughts = {
    [`${kind}.suspend`]: { guard: 'isNotSuspendedByUser' as const, actions: forUser },
    [`${kind}.resume`]: [
      { guard: 'isSuspendedByUserInDrain' as const, actions: forDrain },
      { guard: isSuspendedBy('user'), actions: { type: 'forgetSuspension' as const } },
    ],
    'run.drain': [{ guard: isSuspendedBy('user'), actions: drains }, { actions: [drains, forDrain] }],
    'agent.returned': [
      { guard: isSuspendedBy('drain'), actions: { type: 'forgetSuspension' as const } },
      { guard: 'isDrained' as const, actions: { type: 'forgetDrain' as const } },
    ],
  };

  return runs.createStateConfig({
    description: 'Its agent stops, or somebody suspends it: the engine comes to an end that it can resume from.',
    initial: 'suspending',
    on: lostWithHost,
    states: {
      finishing: {
        id: 'finishing',
        description: 'The engine may end its work while the grace of its agent lasts.',
        meta: { deadlines: ['drain', 'run'], waitsFor: 'the engine to end before its agent must be gone' },
        entry: { type: 'countStart', params: stamped },
        exit: { type: 'countTransferring', params: stamped },
        invoke: { id: 'transfer', src: 'transfer', input: effectInput, onDone: afterTransfer, onError: afterFailure },
        on: {
          ...cancel,
          ...whileMoving,
          [`${kind}.suspend`]: stopsForUser,
          'run.drain': stopsForDrain,
          'agent.returned': { target: '#transferring', actions: { type: 'forgetDrain' } },
          'deadline.passed': [
            {
              guard: isDeadline('drain'),
              target: 'suspending',
              actions: [{ type: 'recordDrainStep', params: stamped }, forDrain],
            },
            timesOut('run'),
          ],
        },
      },
      suspending: {
        id: 'suspending',
        description: 'The engine was asked to stop at the next place that it can resume from.',
        meta: { deadlines: ['suspending'], waitsFor: 'the engine to stop at a place that it can resume from' },
        invoke: {
          id: 'suspendEngine',
          src: 'suspendEngine',
          input: effectInput,
          onDone: [...stopped, { target: 'stopping' }],
          onError: { target: 'stopping' },
        },
        on: {
          ...cancel,
          ...secondThoughts,
          'deadline.passed': { guard: isDeadline('suspending'), target: 'stopping' },
        },
      },
      stopping: {
        id: 'stopping',
        description: 'The engine did not stop when asked, and is made to.',
        meta: stopLadder.meta,
        invoke: {
          id: 'stopEngine',
          src: 'stopEngine',
          input: effectInput,
          onDone: [...stopped, { target: '#cleaning', actions: { type: 'decideUnkillable', params: told.survivors } }],
          onError: { target: '#cleaning', actions: { type: 'decideUnkillable', params: told.stopFailure } },
        },
        on: { ...cancel, ...secondThoughts, ...stopLadder.on },
      },
    },
  });
}

const isSuspendedBy = (whom: 'user' | 'drain') => ({ type: 'isSuspendedBy' as const, params: { whom } });
