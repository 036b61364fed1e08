/** All commands that an agent answers, by name. */
import type { AnyCommand } from '../nats/command-service.ts';
import type { AgentParts } from './agent-parts.ts';
import { actorCommands } from './commands/actor-commands.ts';
import { agentCommands } from './commands/agent-commands.ts';
import { documentCommands } from './commands/document-commands.ts';
import { planCommands } from './commands/plan-commands.ts';
import { queueCommands } from './commands/queue-commands.ts';
import { runCommands } from './commands/run-commands.ts';
import { scheduleActorCommands } from './commands/schedule-commands.ts';
import { startCommands } from './commands/start-commands.ts';
import { takeCommands } from './commands/take-commands.ts';

export function commandTable(parts: AgentParts): Record<string, AnyCommand> {
  return {
    ...planCommands(parts),
    ...startCommands(parts),
    ...runCommands(parts),
    ...queueCommands(parts),
    ...takeCommands(parts),
    ...documentCommands(parts),
    ...scheduleActorCommands(parts),
    ...agentCommands(parts),
    ...actorCommands(parts),
  };
}
