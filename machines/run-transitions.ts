/** Transitions that several states of a run share. */
import * as told from './run-params.ts';

/** A deadline that ends the run as timed out. */
export const timesOut = (name: string) => ({
  guard: { type: 'isDeadline' as const, params: told.passed(name) },
  target: '#timing-out',
  actions: { type: 'decideTimedOut' as const, params: { name } },
});

/** The guard of one deadline. */
export const isDeadline = (name: string) => ({ type: 'isDeadline' as const, params: told.passed(name) });

/** What a cancel does, wherever it can be taken. */
export const cancelled = (reason: 'user-cancelled' | 'drain-cancelled') => ({
  target: '#cancelling',
  actions: { type: 'decideCancelled' as const, params: { reason } },
});

export const drainCancelled = {
  guard: { type: 'drainsBy' as const, params: { choice: 'cancel' } },
  ...cancelled('drain-cancelled'),
};

/** Its host stayed away: whatever it was at, the run is lost, unless its commit slot says otherwise. */
export const lostWithHost = {
  'host.away': { target: '#cleaning', actions: { type: 'decideHostAway' as const, params: told.away } },
};

/** After a failed effect: cancelled on its host, out of time, again once the agent is back, again later, or the end. */
export const afterFailure = [
  { guard: { type: 'wasCancelled' as const, params: told.failure }, ...cancelled('user-cancelled') },
  {
    guard: { type: 'isOutOfTime' as const, params: told.failure },
    target: '#timing-out',
    actions: { type: 'decideOutOfTime' as const, params: told.failure },
  },
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

/** The transfer has ended: a backup is proved next; for the others, and for one that failed, that was all. */
export const afterTransfer = [
  {
    guard: { type: 'didFail' as const, params: told.transfer },
    target: '#cleaning',
    actions: [{ type: 'recordTransfer' as const, params: told.transfer }, { type: 'decideAsStaged' as const }],
  },
  {
    guard: 'commits' as const,
    target: '#verifying',
    actions: { type: 'recordTransfer' as const, params: told.transfer },
  },
  {
    target: '#cleaning',
    actions: [{ type: 'recordTransfer' as const, params: told.transfer }, { type: 'decideAsStaged' as const }],
  },
];

/** What is taken wherever an engine moves bytes. */
export const whileMoving = {
  'engine.progressed': { actions: { type: 'recordProgress' as const, params: told.progress } },
  'engine.stalled': {
    target: '#timing-out',
    actions: { type: 'decideTimedOut' as const, params: { name: 'stall' } },
  },
};

export const forUser = { type: 'suspendFor' as const, params: { whom: 'user' as const } };
export const stopsForUser = { target: '#suspending', actions: forUser };
export const restsForUser = { target: '#suspended', actions: forUser };
export const drains = { type: 'recordDrain' as const, params: told.drain };
export const forDrain = { type: 'suspendFor' as const, params: { whom: 'drain' as const } };
export const stopsForDrain = { target: '#suspending', actions: [drains, forDrain] };
export const restsForDrain = { target: '#suspended', actions: [drains, forDrain] };

/** Goes on where the suspension found the run. */
export const continues = (whom: 'user' | 'drain') => [
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
export const stopped = [
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
