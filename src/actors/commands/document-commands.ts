/** Provisional: until the documents' own commands are merged. */
import { z } from 'zod';
import { commandFields } from '../../domain/commands.ts';
import { scheduleSchema } from '../../domain/schedule.ts';
import { nameText } from '../../domain/texts.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';

const { requestId } = commandFields;

export function documentCommands({ schedules, fates }: AgentParts): Record<string, AnyCommand> {
  return {
    'schedule.put': command({
      schema: scheduleSchema,
      handle: async schedule => ({ name: schedule.name, ...(await schedules.put(schedule)), warnings: [] }),
    }),
    'schedule.delete': command({
      schema: z.strictObject({ name: nameText, requestId }),
      handle: async ({ name }) => ({ isDeleted: await schedules.delete(name) }),
    }),
    'fate.list': command({
      schema: z.strictObject({
        schedule: nameText.optional(),
        plan: nameText.optional(),
        since: z.string().optional(),
        until: z.string().optional(),
        limit: z.int().min(1).max(10_000).optional(),
      }),
      handle: async wanted => ({ fates: await fates.list(wanted) }),
    }),
  };
}
