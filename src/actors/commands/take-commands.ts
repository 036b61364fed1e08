/** `run.take`: one agent tells another that a run was created for it. Internal, and best effort: it would find it anyway. */
import { z } from 'zod';
import { nameText } from '../../domain/plan.ts';
import { runKinds } from '../../domain/run.ts';
import { type AnyCommand, command, undecided } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { idText } from './lookups.ts';

export function takeCommands({ config, custody }: AgentParts): Record<string, AnyCommand> {
  return {
    'run.take': command({
      schema: z.strictObject({ agent: nameText, kind: z.enum(runKinds), id: idText }),
      answeredBy: 'each',
      handle: async ({ agent, kind, id }) =>
        agent === config.name ? { isTaken: await custody.take(kind, id) } : undecided,
    }),
  };
}
