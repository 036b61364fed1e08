/** All commands that an agent answers, by name. */
import type { AnyCommand } from '../nats/command-service.ts';
import type { AgentParts } from './agent-parts.ts';
import { actorCommands } from './commands/actor-commands.ts';
import { agentCommands } from './commands/agent-commands.ts';
import { backupCommands } from './commands/backup-commands.ts';
import { defaultsCommands } from './commands/defaults-commands.ts';
import { fateCommands } from './commands/fate-commands.ts';
import { planCommands } from './commands/plan-commands.ts';
import { queueCommands } from './commands/queue-commands.ts';
import { restoreCommands } from './commands/restore-commands.ts';
import { runCommands } from './commands/run-commands.ts';
import { scheduleActorCommands } from './commands/schedule-commands.ts';
import { scheduleDocumentCommands } from './commands/schedule-documents.ts';
import { startCommands } from './commands/start-commands.ts';
import { takeCommands } from './commands/take-commands.ts';

export function commandTable(parts: AgentParts): Record<string, AnyCommand> {
  return {
    ...planCommands(parts),
    ...defaultsCommands(parts),
    ...scheduleDocumentCommands(parts),
    ...fateCommands(parts),
    ...startCommands(parts),
    ...restoreCommands(parts),
    ...backupCommands(parts),
    ...runCommands(parts),
    ...queueCommands(parts),
    ...takeCommands(parts),
    ...scheduleActorCommands(parts),
    ...agentCommands(parts),
    ...actorCommands(parts),
  };
}
