/** The sources of a schedule's chart by name: its guards, its actions (which only assign) and the holes for its effects. */
import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate';
import { failureOf } from '../src/core/failure.ts';
import type { DeadlinePassed, Stamped, StateMeta } from '../src/core/machine-spec.ts';
import { schedulePolicyOf } from '../src/domain/schedule.ts';
import type { SchedulePause, ScheduleTrigger } from '../src/domain/schedule-commands.ts';
import type { ScheduleContext } from '../src/domain/schedule-context.ts';
import type { VisitOutcome } from '../src/domain/visit-outcome.ts';
import { timeOf } from './event-time.ts';
import * as change from './schedule-change.ts';
import { scheduleEffects } from './schedule-effects.ts';
import type { ScheduleChanged, ScheduleDrain, ScheduleEvent } from './schedule-events.ts';

export const schedules = setup({
  types: {
    context: {} as ScheduleContext,
    events: {} as ScheduleEvent,
    input: {} as change.ScheduleInput,
    meta: {} as StateMeta,
  },
  actors: scheduleEffects,
  guards: {
    isDeadline: (_, { passed, awaited }: { passed: string; awaited: string }) => passed === awaited,
    isNewer: ({ context }, { revision }: { revision: number }) =>
      revision > (context.change?.revision ?? context.revision) || context.retiring !== null,
    isAhead: ({ context }, { at }: Stamped) => change.isAhead(context, at),
    isPaused: ({ context }) => context.pause !== null,
    isRetiring: ({ context }) => context.retiring !== null,
    isBlocked: ({ context }) => context.blocked !== null,
    isDraining: ({ context }) => context.drain !== null,
    isVisiting: ({ context }) => context.visit !== null,
    isUnsettled: ({ context }) => change.isUnsettled(context),
    hasTurn: ({ context }) => context.queued !== null || context.backlog.length > 0,
    hasTurnByHand: ({ context }) => context.queued?.byHand === true,
    takesTrigger: ({ context }) => context.byHand === null,
    takesTriggerBesideRun: ({ context }) =>
      context.byHand === null && schedulePolicyOf(context.document).overlap !== 'skip',
  },
  actions: {
    beginVisit: assign(({ context }, { at }: Stamped) => change.visited(context, at)),
    recordFired: assign(({ context }, { output }: { output: VisitOutcome }) => change.fired(context, output)),
    recordOver: assign({ current: null, blocked: null, message: null }),
    recordMessage: assign((_, { message }: { message: string }) => ({ message })),
    recordPause: assign(({ context }, told: { at: number; until: string | null; note: string | null }) =>
      change.paused(context, told.at, told.until, told.note),
    ),
    recordResume: assign(({ context }, { at }: Stamped) => change.resumed(context, at)),
    recordTrigger: assign((_, { run, at }: { run: string; at: number }) => change.triggered(run, at)),
    recordChange: assign((_, { document, revision, at }: Omit<ScheduleChanged, 'type'>) =>
      change.changed(document, revision, at),
    ),
    recordRetirement: assign((_, { at }: Stamped) => ({ retiring: at })),
    recordDrain: assign((_, drain: { at: number; deadline: number }) => ({ drain })),
    forgetDrain: assign({ drain: null }),
  },
});

/** What guards and actions are told, taken from the event here so that they need not look at it. */
export const told = {
  passed:
    (awaited: string) =>
    ({ event }: { event: DeadlinePassed }) => ({ passed: event.name, awaited }),
  fired: ({ event }: { event: DoneActorEvent<VisitOutcome> }) => ({ output: event.output }),
  failed: ({ event }: { event: ErrorActorEvent }) => ({ message: failureOf(event.error).message }),
  pause: ({ event }: { event: SchedulePause & Stamped }) => ({
    at: event.at,
    until: event.until ?? null,
    note: event.note ?? null,
  }),
  trigger: ({ event }: { event: ScheduleTrigger & Stamped }) => ({ run: event.run, at: event.at }),
  change: ({ event: { document, revision, at } }: { event: ScheduleChanged }) => ({ document, revision, at }),
  drain: ({ event }: { event: ScheduleDrain }) => ({ at: timeOf(event), deadline: event.deadline }),
};
