/** `queue.list`: what waits for its turn, on which agent, in which place and for what. */
import { z } from 'zod';
import { definitionsOf } from '../../domain/agent-definitions.ts';
import { nameText } from '../../domain/plan.ts';
import { type Queued, type QueueRecord, queueOf } from '../../domain/queue.ts';
import { runKinds, runOf } from '../../domain/run.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { unknownAgent } from '../responsibility.ts';
import { recordsOf } from './records.ts';

export function queueCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'queue.list': command({
      schema: z.strictObject({ agent: nameText.optional() }),
      handle: async ({ agent }) => {
        if (agent !== undefined) await refuseUnknown(parts, agent);
        return { queued: await queuedOn(parts, agent) };
      },
    }),
  };
}

/** From the records, so that any agent answers for all of them, also for one that is away. */
export async function queuedOn(parts: AgentParts, wanted: string | undefined): Promise<Queued[]> {
  const byAgent = new Map<string, QueueRecord[]>();
  for (const kind of runKinds)
    for (const { record } of await recordsOf(parts.store, kind)) {
      const context = runOf(record);
      const { agent } = context;
      if (!record.final && (wanted === undefined || agent === wanted))
        byAgent.set(agent, [...(byAgent.get(agent) ?? []), { ...record, context }]);
    }
  const queues = [...byAgent].sort(([one], [other]) => (one < other ? -1 : 1));
  const own = definitionsOf(parts.config);
  const listed = queues.map(async ([agent, records]) => {
    const definitions = agent === own.agent ? own : await parts.definitions.get(agent);
    return queueOf(records, definitions?.limits);
  });
  return (await Promise.all(listed)).flat();
}

async function refuseUnknown({ config, membership, store }: AgentParts, agent: string): Promise<void> {
  if (agent === config.name || (await store.read('agent', agent))) return;
  const names = new Set([config.name, ...(await membership.list()).map(member => member.agent)]);
  throw unknownAgent(agent, [...names].sort());
}
