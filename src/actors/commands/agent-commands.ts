/** Commands about agents and machines: `agent.list|drain|undrain|shutdown`, `machine.list|get`. */
import { z } from 'zod';
import { commandFields } from '../../domain/commands.ts';
import { nameText } from '../../domain/plan.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { drainGraceMs } from '../grace.ts';
import { agentAway, unknownAgent } from '../responsibility.ts';
import { drainForecast, type ForecastRow } from '../runs/drain-forecast.ts';
import { unknownKind } from './lookups.ts';
import { recordsOf } from './records.ts';
import { tellActor } from './tell-actor.ts';

const { note, requestId } = commandFields;
const dryRun = z.boolean().optional();

export function agentCommands(parts: AgentParts): Record<string, AnyCommand> {
  const { membership, runtime } = parts;
  const drains = (['drain', 'undrain', 'shutdown'] as const).map(verb => [
    `agent.${verb}`,
    command({
      schema: z.strictObject({ agent: nameText, note, requestId, ...(verb !== 'undrain' && { dryRun }) }),
      handle: async ({ agent, dryRun: isDryRun, ...said }) => {
        await refuseAbsent(parts, agent);
        if (isDryRun) return { actors: await forecastOf(parts, agent) };
        return await tellActor(parts, 'agent', agent, { type: `agent.${verb}`, ...said });
      },
    }),
  ]);
  return {
    ...Object.fromEntries(drains),
    'agent.list': command({
      schema: z.strictObject({}),
      handle: async () => {
        const members = await membership.list();
        return {
          agents: members.map(({ agent, mode, labels, host, version, since, lastSeen, actors, alive }) => ({
            name: agent,
            mode: alive ? mode : 'away',
            labels,
            host,
            version,
            since,
            lastSeen,
            actors,
            nats: alive ? 'connected' : 'unknown',
          })),
        };
      },
    }),
    'machine.list': command({
      schema: z.strictObject({}),
      handle: async () => ({
        machines: runtime.kinds.map(kind => ({
          kind,
          id: runtime.definition(kind)?.machine.id,
          version: runtime.definition(kind)?.version,
          commands: Object.keys(runtime.definition(kind)?.commands ?? {}),
        })),
      }),
    }),
    'machine.get': command({
      schema: z.strictObject({ kind: z.string() }),
      handle: async ({ kind }) => {
        const definition = runtime.definition(kind);
        if (!definition) throw unknownKind(kind, runtime.kinds);
        return { machine: JSON.parse(JSON.stringify(definition.machine.definition)), version: definition.version };
      },
    }),
  };
}

/** What a drain of that agent would do to each run that it has. */
async function forecastOf({ store, runtime, clock, config }: AgentParts, agent: string): Promise<ForecastRow[]> {
  const graceMs = Number((await store.read('agent', agent))?.record.context.graceMs ?? drainGraceMs(config));
  const records = (await recordsOf(store)).map(({ record }) => record);
  const running = records.filter(({ final, owner, kind }) => !final && owner?.agent === agent && kind !== 'agent');
  return running.flatMap(record => {
    const definition = runtime.definition(record.kind);
    return definition ? [drainForecast(record, definition, clock.now(), graceMs)] : [];
  });
}

/** A command that an absent agent found in its mailbox when it comes back would be a surprise then. */
async function refuseAbsent({ config, membership, store }: AgentParts, agent: string): Promise<void> {
  if (agent === config.name) return;
  const members = await membership.list();
  const member = members.find(each => each.agent === agent);
  if (member?.alive) return;
  if (member || (await store.read('agent', agent))) throw agentAway(agent);
  const names = new Set([config.name, ...members.map(each => each.agent)]);
  throw unknownAgent(agent, [...names].sort());
}
