/**
 * A run: one backup, restore, verify, drill, prune or snapshot. One chart for all kinds; only the words of its commands
 * (`backup.cancel`, `restore.cancel`) and whether it commits differ.
 *
 * 1. `cancelled` and `timed-out` are said only after `stopEngine` found no process left.
 * 2. A run that could have committed says how it ended only after the commit slot said so. A run that commits nothing,
 *    or never started what could commit, has no slot to ask.
 * 3. Nothing stands at the root: what a state takes is written in the state, so `canTake` is exact, and `cancelling`,
 *    `timing-out` and `cleaning` take no command at all.
 * 4. A place that was given in `pending` is held until the run is final, suspensions and retries included.
 * 5. A run whose agent drains starts nothing before `agent.returned`.
 */
import type { RunKind } from '../src/domain/run.ts';
import { stamped } from './event-time.ts';
import { cleaningState, finalStates, stopLadder } from './run-cleaning.ts';
import { contextOf } from './run-context.ts';
import { drainingState } from './run-draining.ts';
import { effectInput } from './run-effects.ts';
import * as told from './run-params.ts';
import { runs } from './run-setup.ts';
import {
  afterFailure,
  afterTransfer,
  cancelled,
  continues,
  drainCancelled,
  drains,
  forDrain,
  isDeadline,
  lostWithHost,
  restsForDrain,
  restsForUser,
  stopsForDrain,
  stopsForUser,
  timesOut,
  whileMoving,
} from './run-transitions.ts';

export { runCommandsOf } from '../src/domain/commands.ts';
export type { RunContext } from '../src/domain/run.ts';
export type { RunInput } from './run-context.ts';
export { runDeadlineMs } from './run-deadlines.ts';
export { type RunEffectInput, runEffects } from './run-effects.ts';
export { type RunEvent, runFacts } from './run-events.ts';

/** Counts the changes of the chart or its context that older records must be migrated over. */
export const version = 1;

const decidesHostAway = { type: 'decideHostAway' as const, params: { why: 'its host stayed away' } };

/** The chart of runs of one kind; its commands are `<kind>.cancel`, `<kind>.suspend` and `<kind>.resume`. */
export function runMachine(kind: RunKind) {
  const cancel = { [`${kind}.cancel`]: cancelled('user-cancelled') };
  const suspend = `${kind}.suspend` as const;
  const resume = `${kind}.resume` as const;

  return runs.createMachine({
    id: kind,
    context: ({ input: asked }) => contextOf(asked),
    options: { maxIterations: 500 },
    initial: 'pending',
    states: {
      pending: {
        id: 'pending',
        description: 'It was asked for and waits for its turn; nothing has been started.',
        meta: {
          deadlines: ['pending'],
          waitsFor: 'a free place on its agent, and for earlier runs of its plan to end',
          abortable: true,
        },
        invoke: {
          id: 'waitForSlot',
          src: 'waitForSlot',
          input: effectInput,
          onDone: { target: 'preparing', actions: { type: 'admit', params: stamped } },
          onError: afterFailure,
        },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: restsForUser,
          'run.drain': [drainCancelled, restsForDrain],
          'turn.obstructed': { actions: { type: 'recordObstacle', params: told.obstacle } },
          'deadline.passed': timesOut('pending'),
        },
      },
      preparing: {
        id: 'preparing',
        description: 'It checks source and repository, runs the hooks before, and makes a destination.',
        meta: { deadlines: ['prepare'] },
        invoke: {
          id: 'prepare',
          src: 'prepare',
          input: effectInput,
          onDone: { target: 'transferring' },
          onError: afterFailure,
        },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: stopsForUser,
          'run.drain': [drainCancelled, stopsForDrain],
          'deadline.passed': timesOut('prepare'),
        },
      },
      transferring: {
        id: 'transferring',
        description: 'The engine moves bytes. It is stalled when none moves for as long as its plan allows.',
        meta: { deadlines: ['run'], waitsFor: 'the engine to end, or to stall' },
        entry: { type: 'countStart', params: stamped },
        exit: { type: 'countTransferring', params: stamped },
        invoke: {
          id: 'transfer',
          src: 'transfer',
          input: effectInput,
          onDone: afterTransfer,
          onError: afterFailure,
        },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: stopsForUser,
          'run.drain': [
            drainCancelled,
            { guard: { type: 'drainsBy', params: { choice: 'detach' } }, target: 'detached', actions: drains },
            { guard: { type: 'drainsBy', params: { choice: 'finish' } }, target: '#finishing', actions: drains },
            stopsForDrain,
          ],
          ...whileMoving,
          'deadline.passed': timesOut('run'),
        },
      },
      verifying: {
        id: 'verifying',
        description: 'Everything is stored; it proves that what is stored is whole.',
        meta: { deadlines: ['verifying'] },
        invoke: {
          id: 'proveCompletion',
          src: 'proveCompletion',
          input: effectInput,
          onDone: { target: 'committing' },
          onError: afterFailure,
        },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: stopsForUser,
          'run.drain': [drainCancelled, stopsForDrain],
          'agent.returned': { guard: 'isDrained', actions: { type: 'forgetDrain' } },
          'deadline.passed': timesOut('verifying'),
        },
      },
      committing: {
        id: 'committing',
        description: 'It asks for the commit slot, which decides once and for good whether the backup exists.',
        meta: { deadlines: ['committing'] },
        invoke: {
          id: 'commit',
          src: 'commit',
          input: effectInput,
          onDone: [
            { guard: { type: 'isVoid', params: told.slot }, target: 'cleaning', actions: { type: 'decideOverruled' } },
            { target: 'cleaning', actions: { type: 'recordSlot', params: told.slot } },
          ],
          onError: afterFailure,
        },
        on: {
          ...cancel,
          ...lostWithHost,
          'run.drain': { actions: drains },
          'agent.returned': { guard: 'isDrained', actions: { type: 'forgetDrain' } },
          'deadline.passed': timesOut('committing'),
        },
      },
      draining: drainingState(kind),
      suspended: {
        id: 'suspended',
        description: 'Nothing of it runs; what was stored is kept, and it goes on from there.',
        meta: { deadlines: ['suspended'], waitsFor: `${resume}, or the return of the agent that drained` },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: {
            guard: { type: 'isSuspendedBy', params: { whom: 'drain' } },
            actions: { type: 'suspendFor', params: { whom: 'user' } },
          },
          [resume]: [{ guard: 'isSuspendedByUserInDrain', actions: forDrain }, ...continues('user')],
          'run.drain': { actions: drains },
          'agent.returned': [...continues('drain'), { guard: 'isDrained', actions: { type: 'forgetDrain' } }],
          'deadline.passed': timesOut('suspended'),
        },
      },
      detached: {
        description: 'The engine runs on under its runner while its agent is away.',
        meta: { deadlines: ['hostAway'], waitsFor: 'its agent to return', abortable: true },
        invoke: { id: 'letGo', src: 'letGo', input: effectInput },
        on: {
          ...cancel,
          ...lostWithHost,
          'agent.returned': { target: 'reattaching', actions: { type: 'forgetDrain' } },
          'deadline.passed': { guard: isDeadline('hostAway'), target: 'cleaning', actions: decidesHostAway },
        },
      },
      reattaching: {
        description: 'Its agent is back and looks for the engine that it left running.',
        meta: { deadlines: ['reattaching'] },
        invoke: {
          id: 'reattach',
          src: 'reattach',
          input: effectInput,
          onDone: [
            { guard: { type: 'isThere', params: told.reattached }, target: 'transferring' },
            {
              guard: { type: 'isResumable', params: told.reattached },
              target: 'preparing',
              actions: { type: 'continueRun' },
            },
            { guard: 'hasAttemptsLeft', target: 'retrying', actions: { type: 'recordGone', params: told.reattached } },
            { target: 'cleaning', actions: { type: 'decideGone', params: told.reattached } },
          ],
          onError: { target: '#stopping' },
        },
        on: {
          ...cancel,
          ...lostWithHost,
          'run.drain': { target: 'detached', actions: drains },
          'deadline.passed': { guard: isDeadline('reattaching'), target: '#stopping' },
        },
      },
      retrying: {
        id: 'retrying',
        description: 'An attempt failed for a reason that may pass; it waits before the next one.',
        meta: { deadlines: ['backoff', 'retrying'], waitsFor: 'the end of its backoff' },
        entry: { type: 'countRetryingFrom', params: stamped },
        exit: { type: 'countRetrying', params: stamped },
        on: {
          ...cancel,
          ...lostWithHost,
          [suspend]: { ...restsForUser, actions: [{ type: 'countAttempt' }, restsForUser.actions] },
          'run.drain': [
            drainCancelled,
            { ...restsForDrain, actions: [{ type: 'countAttempt' }, ...restsForDrain.actions] },
          ],
          'deadline.passed': [
            { guard: isDeadline('retrying'), target: 'cleaning', actions: { type: 'decideFailed' } },
            {
              guard: { type: 'isBackoffOverAndAdmitted', params: told.passed('backoff') },
              target: 'preparing',
              actions: { type: 'countAttempt' },
            },
            { guard: isDeadline('backoff'), target: 'pending', actions: { type: 'countAttempt' } },
          ],
        },
      },
      cancelling: { id: 'cancelling', description: 'It was cancelled: its engine is being stopped.', ...stopLadder },
      'timing-out': { id: 'timing-out', description: 'A deadline passed: its engine is being stopped.', ...stopLadder },
      cleaning: cleaningState,
      ...finalStates,
    },
  });
}

/** The chart of each kind of run. */
export const backupMachine = runMachine('backup');
