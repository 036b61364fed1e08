/** The schedules of an agent, put together: what their actors are, and who keeps them. */
import { scheduleDeadlineAt, scheduleDeadlineMs, scheduleMachine, version } from '../../../machines/schedule.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { scheduleCommands } from '../../domain/schedule-commands.ts';
import type { MachineDefinition } from '../../runtime/definition.ts';
import type { AgentParts } from '../agent-parts.ts';
import { Keeper, returning } from './keeper.ts';
import { PlansAtHand } from './plans-at-hand.ts';
import { scheduleEffectsOf } from './schedule-effects.ts';

export interface Schedules {
  definition: MachineDefinition;
  keeper: Keeper<Schedule>;
}

export function schedulesOf(parts: AgentParts): Schedules {
  const { runtime, config, clock, observe, membership } = parts;
  const plans = new PlansAtHand(parts.plans, parts.newestChange);
  const definition: MachineDefinition = {
    kind: 'schedule',
    version,
    machine: scheduleMachine.provide({ actors: scheduleEffectsOf({ ...parts, plans }) }),
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
    follow: heard =>
      parts.followDocuments({
        ...plans.heard,
        plan: (name, stored) => {
          plans.heard.plan(name, stored);
          heard.plan(name, stored && (stored.written.labels ?? {}));
        },
        schedule: (name, stored) =>
          heard.schedule(name, stored && { document: stored.schedule, revision: stored.revision }),
      }),
    members: () => membership.list(),
    inputOf: ({ plan }, document, revision) => ({ document, plan, revision }),
    clock,
    observe,
  });
  return { definition, keeper };
}
