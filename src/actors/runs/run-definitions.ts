/** The kinds of runs that this version works on, each its chart with the effects of this agent. */
import { runCommandsOf, runDeadlineMs, runMachine, version } from '../../../machines/backup.ts';
import { type RunContext, runKinds } from '../../domain/run.ts';
import type { MachineDefinition } from '../../runtime/definition.ts';
import type { AgentParts } from '../agent-parts.ts';
import { runEffectsOf } from './run-effects.ts';

export function runDefinitions(parts: AgentParts): MachineDefinition[] {
  const actors = runEffectsOf(parts);
  return runKinds.map(kind => ({
    kind,
    version,
    machine: runMachine(kind).provide({ actors }),
    commands: runCommandsOf(kind),
    deadlineMs: (name: string, context: RunContext, random: number) => runDeadlineMs(name, context, random),
    drainEvent: 'run.drain',
    returnedEvent: 'agent.returned',
  }));
}
