/**
 * An agent: one name in the cluster, over all its incarnations. It is durable, and nothing of it is final: a new
 * incarnation takes the record over from wherever the last one left it, by `agent.starting`.
 *
 * 1. It takes work only in `running`.
 * 2. A drain ends within its grace, with a report of what did not stop; the process exits 0 once it is `stopped`.
 * 3. A drain by `agent.drain` stays drained until `agent.undrain`; one by `agent.shutdown` ends in `stopped`, and is not
 *    taken back.
 */
import { assign, setup } from 'xstate';
import { failureOf } from '../src/core/failure.ts';
import type { DeadlinePassed, Stamped, StateMeta } from '../src/core/machine-spec.ts';
import { type PlainCommand, plainCommand } from '../src/core/plain-command.ts';
import { stamped, timeOf } from './event-time.ts';
import { hole } from './hole.ts';

export const version = 1;

/** One start of the agent's process. */
export interface Incarnation {
  incarnation: string;
  host: string;
  /** How long a drain may take, in milliseconds. */
  graceMs: number;
}

export interface AgentInput extends Incarnation, Stamped {
  name: string;
}

/** What a drain left: at most 20 of those that did not stop. */
export interface DrainReport {
  stopped: number;
  unstopped: { kind: string; id: string; state: string }[];
  tookMs: number;
}

export interface AgentContext extends Incarnation {
  name: string;
  /** When this incarnation started (RFC 3339). */
  startedAt: string;
  /** The drain that it is in: by when it must be over (ms since the epoch), and what comes then. */
  drain: { at: number; deadline: number; afterwards: 'stay' | 'stop' } | null;
  /** The report of its last drain. */
  report: DrainReport | null;
  /** Who holds its name instead, once it is fenced. */
  fencedBy: string | null;
  /** What went wrong, in words. */
  message: string | null;
}

export interface AgentStarting extends Incarnation, Stamped {
  type: 'agent.starting';
}
/** Another incarnation holds the lease of its name. */
export interface AgentFenced extends Stamped {
  type: 'agent.fenced';
  by: string;
}

type AgentCommand = PlainCommand<'agent.drain' | 'agent.undrain' | 'agent.shutdown'>;
export type AgentEvent = (AgentCommand & Stamped) | DeadlinePassed | AgentStarting | AgentFenced;

/** The facts that it takes; everything else of its events is a command or the end of an effect. */
export const agentFacts = ['agent.starting', 'agent.fenced', 'deadline.passed'] as const;

export const agentCommands = {
  'agent.drain': plainCommand('agent.drain'),
  'agent.undrain': plainCommand('agent.undrain'),
  'agent.shutdown': plainCommand('agent.shutdown'),
} as const;

export interface AgentEffectInput {
  name: string;
  incarnation: string;
}
export interface DrainInput extends AgentEffectInput {
  /** By when all must have stopped, in milliseconds since the epoch. */
  deadline: number;
}

export const agentEffects = {
  /** Resolves when this incarnation holds the lease of its name and has adopted what is its to run. */
  join: hole<void, AgentEffectInput>('join'),
  /** Lets work in until its signal is aborted; asked again after an undrain, it tells the suspended runs to go on. */
  takeWork: hole<void, AgentEffectInput>('takeWork'),
  /** Drains everything that the agent runs, right to left, and reports by the deadline. */
  drainChildren: hole<DrainReport, DrainInput>('drainChildren'),
  /** Sees to it, until its signal is aborted, that what the drain left at rest takes a cancel and keeps its deadlines. */
  watchResting: hole<void, AgentEffectInput>('watchResting'),
};

/** Length of a deadline of an agent, in milliseconds. A drain's report may come a second after its grace. */
export function agentDeadlineMs(name: string, { drain }: AgentContext): number | undefined {
  if (name !== 'drain' || !drain) return undefined;
  return Math.max(0, drain.deadline - drain.at) + 1_000;
}

const unstoppedMax = 20;

const effectInput = ({ context: { name, incarnation } }: { context: AgentContext }) => ({ name, incarnation });
const drainInput = ({ context }: { context: AgentContext }) => ({
  ...effectInput({ context }),
  deadline: context.drain?.deadline ?? 0,
});
const incarnationOf = ({ event }: { event: AgentStarting }) => event;
const reported = ({ event }: { event: { output: DrainReport } }) => ({ report: event.output });
const failed = ({ event }: { event: { error: unknown } }) => ({ message: failureOf(event.error).message });
const passed = ({ event }: { event: DeadlinePassed }) => ({ name: event.name });
const drainThen =
  (afterwards: 'stay' | 'stop') =>
  ({ event }: { event: { type: string } }) => ({ at: timeOf(event), afterwards });

const shutsDown = { target: '#draining', actions: { type: 'beginDrain' as const, params: drainThen('stop') } };
const isFenced = {
  target: 'fenced',
  actions: { type: 'recordFence' as const, params: ({ event }: { event: AgentFenced }) => ({ by: event.by }) },
};
const whenDrained = (params: typeof reported) => [
  { guard: 'isShuttingDown' as const, target: '#stopped', actions: { type: 'recordReport' as const, params } },
  { target: '#drained', actions: { type: 'recordReport' as const, params } },
];

export const agentMachine = setup({
  types: {
    context: {} as AgentContext,
    events: {} as AgentEvent,
    input: {} as AgentInput,
    meta: {} as StateMeta,
  },
  actors: agentEffects,
  guards: {
    isShuttingDown: ({ context }) => context.drain?.afterwards === 'stop',
    isStaying: ({ context }) => context.drain?.afterwards === 'stay',
    isOverdue: ({ context }, { name }: { name: string }) => name === 'drain' && context.drain !== null,
    isOverdueShutdown: ({ context }, { name }: { name: string }) =>
      name === 'drain' && context.drain?.afterwards === 'stop',
  },
  actions: {
    recordStart: assign((_, event: AgentStarting) => startOf(event)),
    beginDrain: assign(({ context }, { at, afterwards }: { at: number; afterwards: 'stay' | 'stop' }) => ({
      drain: { at, deadline: at + context.graceMs, afterwards },
    })),
    stopAfterwards: assign(({ context }) => ({
      drain: context.drain && { ...context.drain, afterwards: 'stop' as const },
    })),
    forgetDrain: assign({ drain: null }),
    recordReport: assign((_, { report }: { report: DrainReport }) => ({
      report: { ...report, unstopped: report.unstopped.slice(0, unstoppedMax) },
    })),
    recordOverdue: assign(({ context }, { at }: Stamped) => ({
      report: { stopped: 0, unstopped: [], tookMs: at - (context.drain?.at ?? at) },
      message: 'the drain did not report within its grace',
    })),
    recordFence: assign((_, { by }: { by: string }) => ({ fencedBy: by })),
    recordMessage: assign((_, { message }: { message: string }) => ({ message })),
  },
}).createMachine({
  id: 'agent',
  context: ({ input }) => ({ name: input.name, report: null, ...startOf(input) }),
  options: { maxIterations: 500 },
  initial: 'joining',
  on: {
    'agent.starting': { target: '.joining', actions: { type: 'recordStart', params: incarnationOf } },
  },
  states: {
    joining: {
      description: 'It takes the lease of its name and looks for what is its to run.',
      meta: { waitsFor: 'the lease of its name' },
      invoke: {
        id: 'join',
        src: 'join',
        input: effectInput,
        onDone: { target: 'running' },
        onError: { target: 'stopped', actions: { type: 'recordMessage', params: failed } },
      },
      on: { 'agent.shutdown': shutsDown, 'agent.fenced': isFenced },
    },
    running: {
      description: 'It takes work, and runs what is its to run.',
      meta: { waitsFor: 'work, or to be drained' },
      invoke: {
        id: 'takeWork',
        src: 'takeWork',
        input: effectInput,
        onError: { actions: { type: 'recordMessage', params: failed } },
      },
      on: {
        'agent.drain': { target: 'draining', actions: { type: 'beginDrain', params: drainThen('stay') } },
        'agent.shutdown': shutsDown,
        'agent.fenced': isFenced,
      },
    },
    draining: {
      id: 'draining',
      description: 'It takes no new work, and what it ran is stopped or has been.',
      initial: 'emptying',
      on: {
        'agent.undrain': { guard: 'isStaying', target: 'running', actions: { type: 'forgetDrain' } },
        'agent.fenced': isFenced,
      },
      states: {
        emptying: {
          description: 'What it runs comes to an end, each as its plan says, within the grace.',
          meta: { deadlines: ['drain'], waitsFor: 'what it runs to stop' },
          invoke: {
            id: 'drainChildren',
            src: 'drainChildren',
            input: drainInput,
            onDone: whenDrained(reported),
            onError: [
              { guard: 'isShuttingDown', target: '#stopped', actions: { type: 'recordMessage', params: failed } },
              { target: 'empty', actions: { type: 'recordMessage', params: failed } },
            ],
          },
          on: {
            'agent.shutdown': { guard: 'isStaying', actions: { type: 'stopAfterwards' } },
            'deadline.passed': [
              {
                guard: { type: 'isOverdueShutdown', params: passed },
                target: '#stopped',
                actions: { type: 'recordOverdue', params: stamped },
              },
              {
                guard: { type: 'isOverdue', params: passed },
                target: 'empty',
                actions: { type: 'recordOverdue', params: stamped },
              },
            ],
          },
        },
        empty: {
          id: 'drained',
          description: 'It is drained: nothing goes on here until it is undrained; what rests can be cancelled.',
          meta: { waitsFor: 'agent.undrain or agent.shutdown' },
          invoke: {
            id: 'watchResting',
            src: 'watchResting',
            input: effectInput,
            onError: { actions: { type: 'recordMessage', params: failed } },
          },
          on: { 'agent.shutdown': { target: '#stopped' } },
        },
      },
    },
    fenced: {
      description: 'Another process holds its name: it does nothing any more.',
      meta: { waitsFor: 'its process to end' },
      on: { 'agent.shutdown': shutsDown },
    },
    stopped: {
      id: 'stopped',
      description: 'Its process has ended, or is about to; the next start of it begins here.',
      meta: { waitsFor: 'the next start of its process' },
    },
  },
});

function startOf({ incarnation, host, graceMs, at }: Incarnation & Stamped) {
  const startedAt = new Date(at).toISOString();
  return { incarnation, host, graceMs, startedAt, drain: null, fencedBy: null, message: null };
}
