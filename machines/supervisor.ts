/**
 * A supervisor, as Erlang/OTP's supervisor.erl has it: which exits restart whom, and when to give up. It decides; a
 * registry beside it holds the children, in the order of their start, and carries the decisions out. No child stands in
 * its context, so that an exit costs the same among ten and ten thousand.
 *
 * A registry uses it so:
 * - It starts the children left to right and then sends `children.started`.
 * - It sends `child.exited` for each child that left by itself (a start that failed is a `crash`), and never for one
 *   that it stopped. It carries out what is emitted:
 *   - `child.restart {id}`: start that one again, after the child's own backoff.
 *   - `child.forget {id, spec}`: nobody restarts it. `removed`: it is gone for good (temporary). `kept`: it does not run,
 *     but a restart of its group starts it again, as OTP does.
 *   - `children.restart {scope}`: stop the scope in reverse (`all`, or the child `from` and those started after it),
 *     drop its temporary children, start the rest in order, and send `children.restarted` when nothing more is to be
 *     restarted. A scope that comes while another is under way widens it.
 *   - `children.stop {why, deadline}`: stop all in reverse by `deadline` (null: each by its own bound), then send
 *     `children.stopped`. A second one moves the deadline.
 *   - `escalate {context, reason, offender}`: all are stopped; tell whoever supervises this supervisor.
 *
 * 1. With one-for-one a restart never leaves `running`: the others are not concerned.
 * 2. More than `intensity` restarts within `periodMs` stop all children, and then escalate. A group's restart is one.
 * 3. Once it drains, it restarts nobody.
 *
 * It is not durable: it lives in memory and is rebuilt from its children's records.
 */
import { assign, emit, setup } from 'xstate';
import type { Stamped, StateMeta } from '../src/core/machine-spec.ts';
import { emptyWindow, type RestartWindow, withRestart } from './restart-window.ts';

export const version = 1;

export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';
/** permanent: always restarted. transient: only after an abnormal exit. temporary: never. */
export type RestartType = 'permanent' | 'transient' | 'temporary';
/** normal: it was done. shutdown: it was asked to end. crash, killed: abnormal. */
export type ExitKind = 'normal' | 'shutdown' | 'crash' | 'killed';

export interface SupervisorInput {
  strategy: Strategy;
  intensity: number;
  periodMs: number;
}

export interface SupervisorContext extends SupervisorInput {
  restarts: RestartWindow;
  /** Why it gave up, in the fields of OTP's reports; null while it has not. */
  escalation: Escalation | null;
}

export interface Escalation {
  context: 'shutdown';
  reason: 'reached-max-restart-intensity';
  offender: string;
}

export interface ChildExited extends Stamped {
  type: 'child.exited';
  id: string;
  restart: RestartType;
  exit: ExitKind;
}

export type SupervisorEvent =
  | (Stamped & { type: 'children.started' })
  | ChildExited
  | (Stamped & { type: 'children.restarted' })
  | (Stamped & { type: 'supervisor.drain'; deadline: number })
  | (Stamped & { type: 'children.stopped' });

/** Every event that it takes. */
export const supervisorFacts = [
  'children.started',
  'child.exited',
  'children.restarted',
  'supervisor.drain',
  'children.stopped',
] as const;

export type SupervisorDecision =
  | { type: 'child.restart'; id: string }
  | { type: 'child.forget'; id: string; spec: 'kept' | 'removed' }
  | { type: 'children.restart'; scope: 'all' | { from: string } }
  | { type: 'children.stop'; why: 'drain' | 'escalation'; deadline: number | null }
  | ({ type: 'escalate' } & Escalation);

/** It takes no commands: only its registry speaks to it. */
export const supervisorCommands = {};

const exited = ({ event }: { event: ChildExited }) => event;
const drained = ({ event }: { event: { deadline: number } }) => ({ why: 'drain' as const, deadline: event.deadline });

const exceedsIntensity = { type: 'exceedsIntensity' as const, params: exited };

/** Nobody restarts it: temporary, or transient and done. */
const forgets = {
  guard: { type: 'needsNoRestart' as const, params: exited },
  actions: { type: 'forgetChild' as const, params: exited },
};

/** One restart too many: all are stopped, and then somebody above is told. */
const givesUp = {
  guard: exceedsIntensity,
  target: 'draining',
  actions: [
    { type: 'recordEscalation' as const, params: exited },
    { type: 'stopChildren' as const, params: { why: 'escalation' as const, deadline: null } },
  ],
};
const restartsOne = {
  guard: 'isOneForOne' as const,
  actions: [
    { type: 'countRestart' as const, params: exited },
    { type: 'restartChild' as const, params: exited },
  ],
};
const restartsGroup = {
  target: 'restarting',
  actions: [
    { type: 'countRestart' as const, params: exited },
    { type: 'restartGroup' as const, params: exited },
  ],
};
const onExit = [forgets, givesUp, restartsOne, restartsGroup];

const drains = { target: 'draining', actions: { type: 'stopChildren' as const, params: drained } };

export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
    emitted: {} as SupervisorDecision,
    meta: {} as StateMeta,
  },
  guards: {
    needsNoRestart: (_, { restart, exit }: ChildExited) =>
      restart === 'temporary' || (restart === 'transient' && (exit === 'normal' || exit === 'shutdown')),
    exceedsIntensity: ({ context }, { at }: ChildExited) =>
      withRestart(context.restarts, at, context.periodMs).count > context.intensity,
    isOneForOne: ({ context }) => context.strategy === 'one-for-one',
    hasGivenUp: ({ context }) => context.escalation !== null,
  },
  actions: {
    countRestart: assign(({ context }, { at }: ChildExited) => ({
      restarts: withRestart(context.restarts, at, context.periodMs),
    })),
    recordEscalation: assign((_, { id }: ChildExited) => ({
      escalation: { context: 'shutdown', reason: 'reached-max-restart-intensity', offender: id } as const,
    })),
    restartChild: emit((_, { id }: ChildExited) => ({ type: 'child.restart', id })),
    forgetChild: emit((_, { id, restart }: ChildExited) => ({
      type: 'child.forget',
      id,
      spec: restart === 'temporary' ? 'removed' : 'kept',
    })),
    restartGroup: emit(({ context }, { id }: ChildExited) => ({
      type: 'children.restart',
      scope: context.strategy === 'rest-for-one' ? { from: id } : 'all',
    })),
    stopChildren: emit((_, stop: { why: 'drain' | 'escalation'; deadline: number | null }) => ({
      type: 'children.stop',
      ...stop,
    })),
    escalate: emit(({ context }) => ({ type: 'escalate', ...(context.escalation as Escalation) })),
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ ...input, restarts: emptyWindow, escalation: null }),
  options: { maxIterations: 500 },
  initial: 'starting',
  states: {
    starting: {
      description: 'Its children are being started, left to right.',
      meta: { waitsFor: 'the last of its children to be started' },
      on: { 'children.started': { target: 'running' }, 'child.exited': onExit, 'supervisor.drain': drains },
    },
    running: {
      description: 'Its children run; one that leaves is restarted or forgotten, as its restart type says.',
      meta: { waitsFor: 'a child to exit, or the end of its agent' },
      on: { 'child.exited': onExit, 'supervisor.drain': drains },
    },
    restarting: {
      description: 'A group of its children is stopped in reverse and started again in order.',
      meta: { waitsFor: 'the last child of the group to be started again' },
      on: { 'children.restarted': { target: 'running' }, 'child.exited': onExit, 'supervisor.drain': drains },
    },
    draining: {
      description: 'Its children are being stopped, in reverse; nobody is restarted.',
      meta: { waitsFor: 'the last of its children to stop' },
      on: {
        'child.exited': { actions: { type: 'forgetChild', params: exited } },
        'supervisor.drain': { actions: { type: 'stopChildren', params: drained } },
        'children.stopped': [{ guard: 'hasGivenUp', target: 'escalated' }, { target: 'stopped' }],
      },
    },
    stopped: { type: 'final', description: 'It was drained, and no child is left.' },
    escalated: {
      type: 'final',
      description:
        'Its children crashed too often within its period: all are stopped, and its own supervisor was told.',
      entry: { type: 'escalate' },
    },
  },
});
