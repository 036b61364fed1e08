/** `fate.list`: what became of each tick. */
import { z } from 'zod';
import { timeText } from '../../core/time-text.ts';
import { momentMs, momentText } from '../../domain/moments.ts';
import { nameText } from '../../domain/texts.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';

export function fateCommands({ fates, clock }: AgentParts): Record<string, AnyCommand> {
  return {
    'fate.list': command({
      schema: z.strictObject({
        schedule: nameText.optional(),
        plan: nameText.optional(),
        since: momentText.optional(),
        until: momentText.optional(),
        limit: z.int().min(1).max(10_000).optional(),
      }),
      handle: async ({ since, until, ...wanted }) => {
        const now = clock.now();
        const [from, to] = [since, until].map(text => (text === undefined ? undefined : momentMs(text, now)));
        const between = {
          ...(from !== undefined && { since: timeText(from) }),
          ...(to !== undefined && { until: timeText(to) }),
        };
        return { fates: await fates.list({ ...wanted, ...between }) };
      },
    }),
  };
}
