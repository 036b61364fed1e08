/** The sources of a run's chart by name: its guards, its actions (which only assign) and the holes for its effects. */
import { assign, setup } from 'xstate';
import type { Failure } from '../src/core/failure.ts';
import type { Stamped, StateMeta } from '../src/core/machine-spec.ts';
import type { Ending, Progress, RunContext } from '../src/domain/run.ts';
import type { RunInput } from './run-context.ts';
import * as change from './run-context.ts';
import {
  type ReattachOutput,
  runEffects,
  type SlotOutput,
  type StopOutput,
  type TransferOutput,
} from './run-effects.ts';
import type { RunEvent } from './run-events.ts';

type WithFailure = { failure: Failure };

export const runs = setup({
  types: {
    context: {} as RunContext,
    events: {} as RunEvent,
    input: {} as RunInput,
    meta: {} as StateMeta,
  },
  actors: runEffects,
  guards: {
    isDeadline: (_, { passed, awaited }: { passed: string; awaited: string }) => passed === awaited,
    wasCancelled: (_, { failure }: WithFailure) => failure.code === 'user-cancelled',
    isOutOfTime: (_, { failure }: WithFailure) => failure.code.startsWith('deadline-'),
    isWorthAnother: ({ context }, { failure }: WithFailure) => isWorthAnother(context, failure),
    isWorthAnotherOnReturn: ({ context }, { failure }: WithFailure) =>
      context.drain !== null && isWorthAnother(context, failure),
    isBackoffOverAndAdmitted: ({ context }, { passed }: { passed: string }) => passed === 'backoff' && context.admitted,
    hasAttemptsLeft: ({ context }) => hasAttemptsLeft(context),
    commits: ({ context }) => change.commits(context.task),
    didFail: (_, output: TransferOutput) => output.outcome === 'failed',
    isGone: (_, output: StopOutput) => output.gone,
    isGoneAndWanted: ({ context }, output: StopOutput) => output.gone && context.suspendedBy === null,
    isGoneWantedAndStaged: ({ context }, output: StopOutput) =>
      output.gone && context.suspendedBy === null && context.staged !== null,
    isThere: (_, output: ReattachOutput) => output.found !== 'gone',
    isResumable: (_, output: ReattachOutput) => output.found === 'gone' && output.resumable,
    isVoid: (_, output: SlotOutput) => output.slot === 'void',
    slotIsOpen: ({ context }) => context.slot === 'open',
    isAdmitted: ({ context }) => context.admitted,
    drainsBy: ({ context }, { choice }: { choice: string }) => context.policy.onDrain === choice,
    isDrained: ({ context }) => context.drain !== null,
    isSuspendedBy: ({ context }, { whom }: { whom: 'user' | 'drain' }) => context.suspendedBy === whom,
    isNotSuspendedByUser: ({ context }) => context.suspendedBy !== 'user',
    isSuspendedByUserInDrain: ({ context }) => context.suspendedBy === 'user' && context.drain !== null,
    mayContinueStaged: ({ context }, { whom }: { whom: 'user' | 'drain' }) =>
      context.suspendedBy === whom && context.staged !== null,
    mayContinueAdmitted: ({ context }, { whom }: { whom: 'user' | 'drain' }) =>
      context.suspendedBy === whom && context.admitted,
    endsAs: ({ context }, { ending }: { ending: Ending }) => context.ending === ending,
  },
  actions: {
    admit: assign(({ context }, { at }: Stamped) => change.admitted(context, at)),
    countStart: assign(({ context }, { at }: Stamped) => change.started(context, at)),
    countTransferring: assign(({ context }, { at }: Stamped) => change.spentIn(context, at, 'transferringMs')),
    countRetryingFrom: assign(({ context }, { at }: Stamped) => ({ spent: { ...context.spent, sinceMs: at } })),
    countRetrying: assign(({ context }, { at }: Stamped) => change.spentIn(context, at, 'retryingMs')),
    countAttempt: assign(({ context }) => change.attemptedAgain(context)),
    recordProgress: assign((_, { progress }: { progress: Progress }) => ({ progress })),
    recordObstacle: assign((_, obstacle: change.Obstacle) => change.obstructed(obstacle)),
    recordTransfer: assign((_, output: TransferOutput) => change.transferred(output)),
    recordFailure: assign((_, { failure }: WithFailure) => change.failedBy(failure)),
    recordGone: assign((_, output: ReattachOutput) => change.goneFor(output)),
    recordSlot: assign(({ context }, output: SlotOutput) => change.settled(context, output)),
    recordKept: assign(({ context }, { kept }: { kept: string[] }) => change.keptBehind(context, kept)),
    recordDrain: assign((_, drain: { at: number; deadline: number }) => ({ drain })),
    recordDrainStep: assign(({ context }, { at }: Stamped) => ({ drain: context.drain && { ...context.drain, at } })),
    forgetDrain: assign({ drain: null }),
    suspendFor: assign((_, { whom }: { whom: 'user' | 'drain' }) => ({ suspendedBy: whom })),
    forgetSuspension: assign({ suspendedBy: null, drain: null }),
    continueRun: assign(({ context }) => ({ resumes: context.resumes + 1, suspendedBy: null, drain: null })),
    decideAsStaged: assign(({ context }) => change.endedAsStaged(context)),
    decideFailed: assign({ ending: 'failed' }),
    decideCancelled: assign((_, { reason }: { reason: 'user-cancelled' | 'drain-cancelled' }) =>
      change.decided('cancelled', reason, reason === 'user-cancelled' ? 'it was cancelled' : 'its agent drained'),
    ),
    decideTimedOut: assign(({ context }, { name }: { name: string }) => change.timedOut(context, name)),
    decideOutOfTime: assign((_, { failure }: WithFailure) => change.outOfTime(failure)),
    decideUnkillable: assign((_, { pids, why }: { pids: number[]; why: string }) => change.unkillable(pids, why)),
    decideGone: assign((_, output: ReattachOutput) => change.goneWithout(output)),
    decideHostAway: assign((_, { why }: { why: string }) => change.hostAway(why)),
    recordHostAway: assign({ deadline: 'hostAway' }),
    decideOverruled: assign(() => change.overruled()),
    decideUnsettled: assign(({ context }, { why }: { why: string }) => change.unsettled(context, why)),
    endRun: assign((_, { at }: Stamped) => change.ended(at)),
  },
});

function isWorthAnother(context: RunContext, failure: Failure): boolean {
  return failure.kind === 'transient' && hasAttemptsLeft(context);
}

function hasAttemptsLeft(context: RunContext): boolean {
  return context.attempt < context.policy.attemptsMax;
}
