/** Runs to try a chart on: their input, and every event that can befall them. */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { runMachine } from '../../machines/backup.ts';
import type { RunInput } from '../../machines/run-context.ts';
import { FailureError } from '../../src/core/failure.ts';
import type { OnDrain, Plan } from '../../src/domain/plan.ts';
import { policyOf } from '../../src/domain/policy.ts';
import type { RunContext, RunKind } from '../../src/domain/run.ts';
import { pathOf, type Walk } from './graph.ts';

export const started = Date.parse('2026-03-01T02:00:00.000Z');

export interface RunOptions {
  task?: RunKind;
  onDrain?: OnDrain;
  attempts?: number;
  deadlines?: Plan['deadlines'];
}

export function inputOf({
  task = 'backup',
  onDrain = 'suspend',
  attempts = 2,
  deadlines = {},
}: RunOptions = {}): RunInput {
  const document: Plan = {
    name: 'photos',
    engine: { type: 'files', path: '/srv/photos' },
    repository: 'nas',
    onDrain,
    deadlines,
    retry: { attempts, backoff: '10s..5m' },
  };
  const policy = policyOf(document);
  return { id: 'photos-1', task, agent: 'nas-1', document, planRevision: 1, policy, restore: null, at: started };
}

/** What guards read, and what decides an ending: configurations that agree in it behave alike. */
export function keyOf(snapshot: AnyMachineSnapshot): string {
  const { ending, slot, admitted, staged, suspendedBy, drain, attempt, deadline } = snapshot.context as RunContext;
  const isAway = deadline === 'hostAway';
  const read = [ending, slot, admitted, staged?.outcome, suspendedBy, drain !== null, attempt, isAway];
  return [pathOf(snapshot), ...read].join(' ');
}

export function walkOf(options: RunOptions): Walk {
  return { machine: runMachine(options.task ?? 'backup'), input: inputOf(options), keyOf };
}

const result = { bytes: 1, files: 1, bytesStored: 1, position: null, manifest: 'abc' };
const skipped = { count: 0, first: [], path: null };

export const transient = failure('transient', 'source-unreachable');
export const permanent = failure('permanent', 'repository-full');

function failure(kind: 'transient' | 'permanent', code: string): FailureError {
  return new FailureError({ kind, code, message: `it failed: ${code}`, hint: 'see to it' });
}

/** The end of an effect, as the runtime proposes it. */
export function done(effect: string, output?: unknown): EventObject {
  return { type: `xstate.done.actor.${effect}`, output, at: started + 1_000 } as EventObject;
}
export function failed(effect: string, error: unknown): EventObject {
  return { type: `xstate.error.actor.${effect}`, error, at: started + 1_000 } as EventObject;
}
export function passed(name: string): EventObject {
  return { type: 'deadline.passed', name, at: started + 1_000 } as EventObject;
}
export function told(type: string, fields: object = {}): EventObject {
  return { type, at: started + 1_000, ...fields } as EventObject;
}
export const drain = told('run.drain', { deadline: started + 26_000 });

export const moved = (outcome: string, reason: string | null = null) =>
  done('transfer', { outcome, reason, result, skipped });
export const committed = done('commit', { slot: 'manifest', outcome: 'completed' });
export const voided = done('settleSlot', { slot: 'void' });
export const gone = done('stopEngine', { gone: true });
export const cleaned = done('cleanUp', { kept: [] });

/** Every way that each effect can end, and every deadline that may pass meanwhile. */
export const outcomes: EventObject[] = [
  ...['waitForSlot', 'prepare', 'proveCompletion'].map(effect => done(effect)),
  ...['completed', 'partial', 'failed'].map(outcome => moved(outcome)),
  ...['commit', 'settleSlot'].flatMap(effect => [
    done(effect, { slot: 'manifest', outcome: 'completed' }),
    done(effect, { slot: 'manifest', outcome: 'partial' }),
    done(effect, { slot: 'void' }),
  ]),
  ...['stopEngine', 'suspendEngine'].flatMap(effect => [
    done(effect, { gone: true }),
    done(effect, { gone: false, pids: [17] }),
  ]),
  done('reattach', { found: 'alive' }),
  done('reattach', { found: 'ended' }),
  ...[true, false].map(resumable => done('reattach', { found: 'gone', resumable, reason: 'rebooted' })),
  cleaned,
  ...[
    'waitForSlot',
    'prepare',
    'transfer',
    'proveCompletion',
    'commit',
    'settleSlot',
    'stopEngine',
    'suspendEngine',
    'reattach',
    'cleanUp',
  ].flatMap(effect => [failed(effect, transient), failed(effect, permanent)]),
  failed('prepare', new Error('a defect')),
];

/** Deadlines that bound the way out of a run. */
export const stopDeadlines = ['stopping', 'settling', 'removing'].map(passed);
export const drainDeadlines = ['drain', 'suspending', ...['stopping', 'settling', 'removing']].map(passed);
export const allDeadlines = [
  ...[
    'pending',
    'prepare',
    'run',
    'verifying',
    'committing',
    'suspended',
    'hostAway',
    'reattaching',
    'backoff',
    'retrying',
  ],
  ...['drain', 'suspending', 'stopping', 'settling', 'removing'],
].map(passed);

export function commandsOf(task: RunKind): EventObject[] {
  return ['cancel', 'suspend', 'resume'].map(verb => told(`${task}.${verb}`));
}

const low = told('turn.obstructed', { reason: 'repository-low', message: 'it has 1 GiB free', hint: 'make room' });
export const hostAway = told('host.away', { agent: 'nas-1', since: '2026-03-01T00:00:00.000Z', cancelled: false });
export const facts: EventObject[] = [drain, hostAway, told('agent.returned'), told('engine.stalled'), low];
