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
import { endings, type RunKind } from '../src/domain/run.ts';
import { stamped } from './event-time.ts';
import { contextOf } from './run-context.ts';
import { effectInput } from './run-effects.ts';
import * as told from './run-params.ts';
import { runs } from './run-setup.ts';

export { runCommandsOf } from '../src/domain/commands.ts';
export type { RunInput } from './run-context.ts';
export { runDeadlineMs } from './run-deadlines.ts';
export * from './run-effects.ts';
export * from './run-events.ts';

/** Counts the changes of the chart or its context that older records must be migrated over. */
export const version = 1;

const input = effectInput;

/** A deadline that ends the run as timed out. */
const timesOut = (name: string) => ({
  guard: { type: 'isDeadline' as const, params: told.passed(name) },
  target: '#timing-out',
  actions: { type: 'decideTimedOut' as const, params: { name } },
});

const isDeadline = (name: string) => ({ type: 'isDeadline' as const, params: told.passed(name) });

/** What a cancel does, wherever it can be taken. */
const cancelled = (reason: 'user-cancelled' | 'drain-cancelled') => ({
  target: '#cancelling',
  actions: { type: 'decideCancelled' as const, params: { reason } },
});

const drainCancelled = {
  guard: { type: 'drainsBy' as const, params: { choice: 'cancel' } },
  ...cancelled('drain-cancelled'),
};

/** After a failed effect: again later, again once the agent is back, or the end. */
const afterFailure = [
  {
    guard: { type: 'isWorthAnotherOnReturn' as const, params: told.failure },
    target: '#suspended',
    actions: [
      { type: 'recordFailure' as const, params: told.failure },
      { type: 'countAttempt' as const },
      { type: 'suspendFor' as const, params: { whom: 'drain' as const } },
    ],
  },
  {
    guard: { type: 'isWorthAnother' as const, params: told.failure },
    target: '#retrying',
    actions: { type: 'recordFailure' as const, params: told.failure },
  },
  {
    target: '#cleaning',
    actions: [{ type: 'recordFailure' as const, params: told.failure }, { type: 'decideFailed' as const }],
  },
];

const stopsForUser = {
  target: '#suspending',
  actions: { type: 'suspendFor' as const, params: { whom: 'user' as const } },
};
const restsForUser = { ...stopsForUser, target: '#suspended' };
const drains = { type: 'recordDrain' as const, params: told.drain };
const forDrain = { type: 'suspendFor' as const, params: { whom: 'drain' as const } };
const stopsForDrain = { target: '#suspending', actions: [drains, forDrain] };
const restsForDrain = { target: '#suspended', actions: [drains, forDrain] };

/** Goes on where the suspension found the run. */
const continues = (whom: 'user' | 'drain') => [
  {
    guard: { type: 'mayContinueStaged' as const, params: { whom } },
    target: '#verifying',
    actions: { type: 'continueRun' as const },
  },
  {
    guard: { type: 'mayContinueAdmitted' as const, params: { whom } },
    target: '#preparing',
    actions: { type: 'continueRun' as const },
  },
  {
    guard: { type: 'isSuspendedBy' as const, params: { whom } },
    target: '#pending',
    actions: { type: 'forgetSuspension' as const },
  },
];

/** The engine was stopped for a suspension; if nobody wants one any more, the run goes on at once. */
const stopped = [
  {
    guard: { type: 'isGoneWantedAndStaged' as const, params: told.stop },
    target: '#verifying',
    actions: { type: 'continueRun' as const },
  },
  {
    guard: { type: 'isGoneAndWanted' as const, params: told.stop },
    target: '#preparing',
    actions: { type: 'continueRun' as const },
  },
  { guard: { type: 'isGone' as const, params: told.stop }, target: '#suspended' },
];

/** The stop ladder of a run that will not go on: afterwards it cleans up, whatever it found. */
const stopLadder = {
  meta: { deadlines: ['stopping'], waitsFor: 'the last process of its engine to end' },
  invoke: {
    id: 'stopEngine',
    src: 'stopEngine' as const,
    input,
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
  },
};

/** The final state that the decided ending names. */
const theEnd = endings.map(ending => ({
  guard: { type: 'endsAs' as const, params: { ending } },
  target: `#${ending}`,
}));

const ended = { type: 'endRun' as const, params: stamped };

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
        },
        invoke: {
          id: 'waitForSlot',
          src: 'waitForSlot',
          input,
          onDone: { target: 'preparing', actions: { type: 'admit', params: stamped } },
          onError: afterFailure,
        },
        on: {
          ...cancel,
          [suspend]: restsForUser,
          'run.drain': [drainCancelled, restsForDrain],
          'deadline.passed': timesOut('pending'),
        },
      },
      preparing: {
        id: 'preparing',
        description: 'It checks source and repository, runs the hooks before, and makes a destination.',
        meta: { deadlines: ['prepare'] },
        invoke: { id: 'prepare', src: 'prepare', input, onDone: { target: 'transferring' }, onError: afterFailure },
        on: {
          ...cancel,
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
          input,
          onDone: [
            {
              guard: { type: 'didFail', params: told.transfer },
              target: 'cleaning',
              actions: [{ type: 'recordTransfer', params: told.transfer }, { type: 'decideAsStaged' }],
            },
            { guard: 'commits', target: 'verifying', actions: { type: 'recordTransfer', params: told.transfer } },
            {
              target: 'cleaning',
              actions: [{ type: 'recordTransfer', params: told.transfer }, { type: 'decideAsStaged' }],
            },
          ],
          onError: afterFailure,
        },
        on: {
          ...cancel,
          [suspend]: stopsForUser,
          'run.drain': [
            drainCancelled,
            { guard: { type: 'drainsBy', params: { choice: 'detach' } }, target: 'detached', actions: drains },
            { guard: { type: 'drainsBy', params: { choice: 'finish' } }, target: '#finishing', actions: drains },
            stopsForDrain,
          ],
          'engine.progressed': { actions: { type: 'recordProgress', params: told.progress } },
          'engine.stalled': { target: 'timing-out', actions: { type: 'decideTimedOut', params: { name: 'stall' } } },
          'deadline.passed': [timesOut('run'), timesOut('stall')],
        },
      },
      verifying: {
        id: 'verifying',
        description: 'Everything is stored; it proves that what is stored is whole.',
        meta: { deadlines: ['verifying'] },
        invoke: {
          id: 'proveCompletion',
          src: 'proveCompletion',
          input,
          onDone: { target: 'committing' },
          onError: afterFailure,
        },
        on: {
          ...cancel,
          [suspend]: stopsForUser,
          'run.drain': [drainCancelled, stopsForDrain],
          'agent.returned': { guard: 'isDrained', actions: { type: 'forgetDrain' } },
          'deadline.passed': timesOut('verifying'),
        },
      },
      committing: {
        description: 'It asks for the commit slot, which decides once and for good whether the backup exists.',
        meta: { deadlines: ['committing'] },
        invoke: {
          id: 'commit',
          src: 'commit',
          input,
          onDone: [
            { guard: { type: 'isVoid', params: told.slot }, target: 'cleaning', actions: { type: 'decideOverruled' } },
            { target: 'cleaning', actions: { type: 'recordSlot', params: told.slot } },
          ],
          onError: afterFailure,
        },
        on: {
          ...cancel,
          'run.drain': { actions: drains },
          'agent.returned': { guard: 'isDrained', actions: { type: 'forgetDrain' } },
          'deadline.passed': timesOut('committing'),
        },
      },
      draining: {
        description: 'Its agent stops, or somebody suspends it: the engine comes to an end that it can resume from.',
        initial: 'suspending',
        states: {
          finishing: {
            id: 'finishing',
            description: 'The engine may end its work while the grace of its agent lasts.',
            meta: { deadlines: ['drain', 'run'], waitsFor: 'the engine to end before its agent must be gone' },
            entry: { type: 'countStart', params: stamped },
            exit: { type: 'countTransferring', params: stamped },
            invoke: {
              id: 'transfer',
              src: 'transfer',
              input,
              onDone: [
                {
                  guard: { type: 'didFail', params: told.transfer },
                  target: '#cleaning',
                  actions: [{ type: 'recordTransfer', params: told.transfer }, { type: 'decideAsStaged' }],
                },
                { guard: 'commits', target: '#verifying', actions: { type: 'recordTransfer', params: told.transfer } },
                {
                  target: '#cleaning',
                  actions: [{ type: 'recordTransfer', params: told.transfer }, { type: 'decideAsStaged' }],
                },
              ],
              onError: afterFailure,
            },
            on: {
              ...cancel,
              [suspend]: stopsForUser,
              'run.drain': stopsForDrain,
              'agent.returned': { target: '#transferring', actions: { type: 'forgetDrain' } },
              'engine.progressed': { actions: { type: 'recordProgress', params: told.progress } },
              'engine.stalled': {
                target: '#timing-out',
                actions: { type: 'decideTimedOut', params: { name: 'stall' } },
              },
              'deadline.passed': [
                {
                  guard: isDeadline('drain'),
                  target: 'suspending',
                  actions: [{ type: 'recordDrainStep', params: stamped }, forDrain],
                },
                timesOut('run'),
                timesOut('stall'),
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
              input,
              onDone: [...stopped, { target: 'stopping' }],
              onError: { target: 'stopping' },
            },
            on: {
              ...cancel,
              'agent.returned': {
                guard: { type: 'isSuspendedBy', params: { whom: 'drain' } },
                actions: { type: 'forgetSuspension' },
              },
              'deadline.passed': { guard: isDeadline('suspending'), target: 'stopping' },
            },
          },
          stopping: {
            id: 'stopping',
            description: 'The engine did not stop when asked, and is made to.',
            meta: { deadlines: ['stopping'], waitsFor: 'the last process of its engine to end' },
            invoke: {
              id: 'stopEngine',
              src: 'stopEngine',
              input,
              onDone: [
                ...stopped,
                { target: '#cleaning', actions: { type: 'decideUnkillable', params: told.survivors } },
              ],
              onError: { target: '#cleaning', actions: { type: 'decideUnkillable', params: told.stopFailure } },
            },
            on: {
              ...cancel,
              'agent.returned': {
                guard: { type: 'isSuspendedBy', params: { whom: 'drain' } },
                actions: { type: 'forgetSuspension' },
              },
              'deadline.passed': stopLadder.on['deadline.passed'],
            },
          },
        },
      },
      suspended: {
        id: 'suspended',
        description: 'Nothing of it runs; what was stored is kept, and it goes on from there.',
        meta: { deadlines: ['suspended'], waitsFor: `${resume}, or the return of the agent that drained` },
        on: {
          ...cancel,
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
        meta: { deadlines: ['hostAway'], waitsFor: 'its agent to return' },
        on: {
          ...cancel,
          'agent.returned': { target: 'reattaching', actions: { type: 'forgetDrain' } },
          'deadline.passed': { guard: isDeadline('hostAway'), target: 'cleaning', actions: { type: 'decideHostAway' } },
        },
      },
      reattaching: {
        description: 'Its agent is back and looks for the engine that it left running.',
        meta: { deadlines: ['reattaching'] },
        invoke: {
          id: 'reattach',
          src: 'reattach',
          input,
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
      cancelling: {
        id: 'cancelling',
        description: 'It was cancelled: its engine is being stopped.',
        ...stopLadder,
      },
      'timing-out': {
        id: 'timing-out',
        description: 'A deadline passed: its engine is being stopped.',
        ...stopLadder,
      },
      cleaning: {
        id: 'cleaning',
        description:
          'Its work is over; before it says how it ended, the commit slot is settled and what it left is removed.',
        initial: 'choosing',
        states: {
          choosing: {
            description: 'Passed through: is the commit slot still open?',
            always: [{ guard: 'slotIsOpen', target: 'settling' }, { target: 'removing' }],
          },
          settling: {
            description:
              'It voids the commit slot, so that nothing of it can be listed later, or finds that it was committed.',
            meta: { deadlines: ['settling'], waitsFor: 'its repository to say what the commit slot holds' },
            invoke: {
              id: 'settleSlot',
              src: 'settleSlot',
              input,
              onDone: { target: 'removing', actions: { type: 'recordSlot', params: told.slot } },
              onError: { target: 'removing', actions: { type: 'decideUnsettled', params: told.slotFailure } },
            },
            on: {
              'deadline.passed': {
                guard: isDeadline('settling'),
                target: 'removing',
                actions: { type: 'decideUnsettled', params: { why: 'its repository did not answer in time' } },
              },
            },
          },
          removing: {
            description: 'It removes its temporary files and locks, and runs the hooks after.',
            meta: { deadlines: ['removing'] },
            invoke: {
              id: 'cleanUp',
              src: 'cleanUp',
              input,
              onDone: theEnd.map(end => ({ ...end, actions: { type: 'recordKept', params: told.kept } })),
              onError: theEnd.map(end => ({ ...end, actions: { type: 'recordKept', params: told.cleanUpFailure } })),
            },
            on: {
              'deadline.passed': theEnd.map(end => ({
                ...end,
                actions: { type: 'recordKept', params: { kept: ['what it left was not removed in time'] } },
              })),
            },
          },
        },
      },
      completed: { id: 'completed', type: 'final', description: 'It did all that was asked.', entry: ended },
      partial: {
        id: 'partial',
        type: 'final',
        description: 'It did what it could; what is missing is listed.',
        entry: ended,
      },
      cancelled: {
        id: 'cancelled',
        type: 'final',
        description: 'It was cancelled; nothing of it runs or is listed.',
        entry: ended,
      },
      'timed-out': {
        id: 'timed-out',
        type: 'final',
        description: 'A deadline ended it; nothing of it runs or is listed.',
        entry: ended,
      },
      failed: { id: 'failed', type: 'final', description: 'It could not be done; the reason says why.', entry: ended },
      lost: {
        id: 'lost',
        type: 'final',
        description: 'Its host or its engine went away and nobody knows how it ended.',
        entry: ended,
      },
    },
  });
}

/** The chart of each kind of run. */
export const backupMachine = runMachine('backup');
