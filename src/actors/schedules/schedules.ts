/** The schedules of an agent, put together: what their actors are, and who keeps them. */
import { scheduleDeadlineAt, scheduleDeadlineMs, scheduleMachine, version } from '../../../machines/schedule.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { scheduleCommands } from '../../domain/schedule-commands.ts';
import type { MachineDefinition } from '../../runtime/definition.ts';
import type { AgentParts } from '../agent-parts.ts';
import { type DocumentsHeard, Keeper, returning } from './keeper.ts';
import { scheduleEffectsOf } from './schedule-effects.ts';

export interface Schedules {
  definition: MachineDefinition;
  keeper: Keeper<Schedule>;
}

export function schedulesOf(parts: AgentParts): Schedules {
  const { runtime, config, clock, observe, membership } = parts;
  const definition: MachineDefinition = {
    kind: 'schedule',
    version,
    machine: scheduleMachine.provide({ actors: scheduleEffectsOf(parts) }),
    commands: scheduleCommands,
    deadlineMs: scheduleDeadlineMs,
    deadlineAt: scheduleDeadlineAt,
    drainEvent: 'schedule.drain',
    returnedEvent: 'agent.returned',
    returns: returning,
  };
  const keeper = new Keeper<Schedule>({
    runtime,
    agent: config.name,
    follow: heard => parts.followDocuments((key, document) => hear(heard, key, document)),
    members: () => membership.list(),
    inputOf: ({ plan }, document, revision) => ({ document, plan, revision }),
    clock,
    observe,
  });
  return { definition, keeper };
}

/** Takes the documents that it is about out of all that are kept beside the plans. */
function hear(heard: DocumentsHeard<Schedule>, key: string, document: unknown): void {
  const [kind = '', name = ''] = key.split('.', 2);
  if (kind === 'plan') {
    const { plan } = (document ?? { plan: null }) as { plan: Plan | null };
    heard.plan(name, plan ? (plan.labels ?? {}) : undefined);
  } else if (kind === 'schedule') {
    const { schedule, revision } = (document ?? { schedule: null }) as { schedule: Schedule | null; revision: number };
    heard.schedule(name, schedule ? { document: schedule, revision } : undefined);
  }
}
