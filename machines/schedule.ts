/**
 * A schedule and one of its plans: it decides every tick, and starts at most one run at a time.
 *
 * 1. Whatever is to be decided is decided in `firing`, by visits: one is written down before it is carried out, and its
 *    outcome is written before the next one. So a tick is decided the same however often it is asked.
 * 2. `tickedThrough` only grows, but where the clock was found far ahead; ids made of ticks let nothing run twice then.
 * 3. In `waiting` nothing waits for its turn. Where one does, or one was skipped because the previous run still goes, it
 *    is `blocked` by that run until the run is over; its ticks get their fates meanwhile.
 * 4. `deadline next` is the context's, so it moves with each visit, also in a state that is not left.
 * 5. A pause decides nothing: what came in it is decided when it ends, as missed ticks are.
 */
import { stamped } from './event-time.ts';
import { contextOf } from './schedule-change.ts';
import { fireInput, followInput } from './schedule-effects.ts';
import { schedules, told } from './schedule-setup.ts';

export { scheduleCommands } from '../src/domain/schedule-commands.ts';
export type { ScheduleContext } from '../src/domain/schedule-context.ts';
export type { VisitOutcome } from '../src/domain/visit-outcome.ts';
export type { ScheduleInput } from './schedule-change.ts';
export { scheduleDeadlineAt, scheduleDeadlineMs } from './schedule-deadlines.ts';
export { type FireInput, type FollowInput, scheduleEffects } from './schedule-effects.ts';
export { type ScheduleEvent, scheduleFacts } from './schedule-events.ts';

/** Counts the changes of the chart or its context that older records must be migrated over. */
export const version = 1;

const isDeadline = (name: string) => ({ type: 'isDeadline' as const, params: told.passed(name) });
const isNewer = { type: 'isNewer' as const, params: told.change };
const beginsVisit = { type: 'beginVisit' as const, params: stamped };
const resumes = { type: 'recordResume' as const, params: stamped };
const pauses = { type: 'recordPause' as const, params: told.pause };
const triggers = { type: 'recordTrigger' as const, params: told.trigger };
const changes = { type: 'recordChange' as const, params: told.change };
const retires = { type: 'recordRetirement' as const, params: stamped };
const drains = { type: 'recordDrain' as const, params: told.drain };

/** Where nothing is being decided: what it is told is decided at once. */
const decidesAtOnce = {
  'schedule.changed': { guard: isNewer, target: '#firing', actions: [changes, beginsVisit] },
  'schedule.retire': { target: '#firing', actions: [retires, beginsVisit] },
  'schedule.drain': { target: '#released', actions: drains },
};
/** Where something is, or nobody is there to decide it: it is written down for the next visit. */
const decidesNext = {
  'schedule.pause': { actions: pauses },
  'schedule.resume': { guard: 'isPaused' as const, actions: resumes },
  'schedule.trigger': { guard: 'takesTrigger' as const, actions: triggers },
  'schedule.changed': { guard: isNewer, actions: changes },
  'schedule.retire': { actions: retires },
};
const fires = { id: 'fire', src: 'fire' as const, input: fireInput };
const follows = { id: 'follow', src: 'follow' as const, input: followInput };
const toldOver = { type: 'recordOver' as const };
const toldFailed = { type: 'recordMessage' as const, params: told.failed };
const recordsFired = { type: 'recordFired' as const, params: told.fired };

export const scheduleMachine = schedules.createMachine({
  id: 'schedule',
  context: ({ input }) => contextOf(input),
  options: { maxIterations: 500 },
  initial: 'waiting',
  states: {
    waiting: {
      id: 'waiting',
      description: 'It waits for its next tick.',
      meta: { deadlines: ['next'], waitsFor: 'its next tick' },
      on: {
        ...decidesAtOnce,
        'schedule.pause': { target: 'paused', actions: pauses },
        'schedule.trigger': { target: 'firing', actions: [triggers, beginsVisit] },
        'agent.returned': {
          guard: { type: 'isAhead', params: stamped },
          target: 'firing',
          actions: beginsVisit,
        },
        'deadline.passed': { guard: isDeadline('next'), target: 'firing', actions: beginsVisit },
      },
    },
    firing: {
      id: 'firing',
      description: 'It decides what is due: each tick gets its fate, and at most one run is started.',
      initial: 'asking',
      on: { ...decidesNext, 'schedule.drain': { target: 'draining', actions: drains } },
      states: {
        asking: {
          description: 'The fates of what is due are being stored, and the run that is to start is being made.',
          meta: { deadlines: ['firing'], waitsFor: 'fates and runs to be stored' },
          invoke: {
            ...fires,
            onDone: { target: 'choosing', actions: recordsFired },
            onError: { target: 'retrying', actions: toldFailed },
          },
          on: { 'deadline.passed': { guard: isDeadline('firing'), target: 'retrying' } },
        },
        retrying: {
          description: 'What is due could not be stored; it is tried again.',
          meta: { deadlines: ['backoff'], waitsFor: 'the end of its backoff' },
          on: { 'deadline.passed': { guard: isDeadline('backoff'), target: 'asking' } },
        },
        choosing: {
          id: 'choosing',
          description: 'It is passed through at once: what is due by now is decided, then it waits for the next.',
          always: [
            { guard: 'isDraining', target: '#released' },
            { guard: 'isVisiting', target: 'asking' },
            { guard: 'isUnsettled', target: 'asking', actions: beginsVisit },
            { guard: 'isRetiring', target: '#retired' },
            { guard: 'isPaused', target: '#paused' },
            { guard: 'isBlocked', target: '#blocked' },
            { target: '#waiting' },
          ],
        },
      },
    },
    blocked: {
      id: 'blocked',
      description: 'The previous run still goes, and a tick came that it is in the way of.',
      meta: { deadlines: ['next'], waitsFor: 'the previous run to end', abortable: true },
      invoke: {
        ...follows,
        onDone: [
          { guard: 'hasTurn', target: 'firing', actions: [toldOver, beginsVisit] },
          { target: 'waiting', actions: toldOver },
        ],
        onError: { actions: toldFailed },
      },
      on: {
        ...decidesAtOnce,
        'schedule.pause': { target: 'paused', actions: pauses },
        'schedule.trigger': { guard: 'takesTriggerBesideRun', target: 'firing', actions: [triggers, beginsVisit] },
        'agent.returned': { guard: { type: 'isAhead', params: stamped }, target: 'firing', actions: beginsVisit },
        'deadline.passed': { guard: isDeadline('next'), target: 'firing', actions: beginsVisit },
      },
    },
    paused: {
      id: 'paused',
      description: 'It is paused: what comes is decided when it goes on, and nothing starts but by hand.',
      meta: { deadlines: ['until'], waitsFor: 'schedule.resume, or the end of its pause', abortable: true },
      invoke: {
        ...follows,
        onDone: [{ guard: 'hasTurnByHand', target: 'firing', actions: [toldOver, beginsVisit] }, { actions: toldOver }],
        onError: { actions: toldFailed },
      },
      on: {
        ...decidesAtOnce,
        'schedule.pause': { actions: pauses },
        'schedule.resume': { target: 'firing', actions: [resumes, beginsVisit] },
        'schedule.trigger': { target: 'firing', actions: [triggers, beginsVisit] },
        'deadline.passed': { guard: isDeadline('until'), target: 'firing', actions: [resumes, beginsVisit] },
      },
    },
    draining: {
      description: 'Its agent stops: what it is deciding is brought to its end, then it is released.',
      meta: { deadlines: ['drain'], waitsFor: 'fates and runs to be stored' },
      invoke: {
        ...fires,
        onDone: { target: 'released', actions: recordsFired },
        onError: { target: 'released', actions: toldFailed },
      },
      on: {
        ...decidesNext,
        'agent.returned': { target: '#choosing', actions: { type: 'forgetDrain' } },
        'deadline.passed': { guard: isDeadline('drain'), target: 'released' },
      },
    },
    released: {
      id: 'released',
      description: 'Its agent has let it go; the agent that takes it goes on where it was.',
      meta: { waitsFor: 'an agent to take it' },
      on: {
        ...decidesNext,
        'agent.returned': { target: '#choosing', actions: { type: 'forgetDrain' } },
      },
    },
    retired: {
      id: 'retired',
      type: 'final',
      description: 'Its schedule or its plan is gone; every tick of it has its fate.',
    },
  },
});
