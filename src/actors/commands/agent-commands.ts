/** Commands about agents and machines: `agent.list|drain|undrain|shutdown`, `machine.list|get`. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import { commandFields } from '../../domain/commands.ts';
import { nameText } from '../../domain/plan.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { tellActor } from './tell-actor.ts';

const { note, requestId } = commandFields;

export function agentCommands(parts: AgentParts): Record<string, AnyCommand> {
  const { membership, runtime } = parts;
  const drains = (['drain', 'undrain', 'shutdown'] as const).map(verb => [
    `agent.${verb}`,
    command({
      schema: z.strictObject({ agent: nameText, note, requestId }),
      handle: async ({ agent, ...said }) => {
        const members = await membership.list();
        if (!members.some(member => member.agent === agent))
          throw unknownAgent(
            agent,
            members.map(each => each.agent),
          );
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

function unknownAgent(name: string, known: string[]): AnswerError {
  const near = nearest(name, known);
  return new AnswerError(
    'not-found',
    `there is no agent ${name}`,
    near ? `did you mean ${near}?` : `known: ${known.join(', ')}`,
  );
}

function unknownKind(kind: string, known: string[]): AnswerError {
  const near = nearest(kind, known);
  return new AnswerError(
    'not-found',
    `there is no kind ${JSON.stringify(kind)}`,
    near ? `did you mean ${near}?` : `known: ${known.join(', ')}`,
  );
}
