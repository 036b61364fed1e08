/** `defaults.put`, `get`, `list` and `delete`. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import { commandFields } from '../../domain/commands.ts';
import { type Defaults, defaultsSchema } from '../../domain/defaults.ts';
import { nameText } from '../../domain/texts.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { refuseBroken } from '../plans/plan-defaults.ts';
import { listFields, pageOf } from './document-lists.ts';

const { requestId } = commandFields;

export function defaultsCommands(parts: AgentParts): Record<string, AnyCommand> {
  const { defaults } = parts;
  return {
    'defaults.put': command({
      schema: defaultsSchema.extend({ requestId, dryRun: z.boolean().optional() }),
      handle: async ({ requestId, dryRun, ...document }) => {
        const { name } = document;
        const before = await allDefaults(parts);
        await refuseBroken(parts, name, { before, after: [...before.filter(each => each.name !== name), document] });
        if (dryRun) return { name, revision: (await defaults.get(name))?.revision ?? 0, warnings: [] };
        return { name, ...(await defaults.put(document, { requestId })), warnings: [] };
      },
    }),
    'defaults.get': command({
      schema: z.strictObject({ name: nameText }),
      handle: async ({ name }) => {
        const stored = await defaults.get(name);
        if (!stored) throw await unknownDefaults(parts, name);
        return { ...stored.defaults, revision: stored.revision };
      },
    }),
    'defaults.list': command({
      schema: z.strictObject(listFields),
      handle: async wanted => {
        // Their labels are those that they match.
        const page = pageOf(await defaults.list(), wanted, ({ defaults: { name, match } }) => ({
          name,
          labels: match,
        }));
        return { defaults: page.map(({ defaults, revision }) => ({ ...defaults, revision })) };
      },
    }),
    'defaults.delete': command({
      schema: z.strictObject({ name: nameText, requestId }),
      handle: async ({ name, requestId }) => {
        const before = await allDefaults(parts);
        await refuseBroken(parts, name, { before, after: before.filter(each => each.name !== name) });
        if (await defaults.delete(name, { requestId })) return {};
        throw await unknownDefaults(parts, name);
      },
    }),
  };
}

async function allDefaults({ defaults }: AgentParts): Promise<Defaults[]> {
  return (await defaults.list()).map(each => each.defaults);
}

async function unknownDefaults(parts: AgentParts, name: string): Promise<AnswerError> {
  const near = nearest(
    name,
    (await allDefaults(parts)).map(each => each.name),
  );
  const hint = near ? `did you mean ${near}?` : 'see them with: reeve defaults list';
  return new AnswerError('not-found', `there are no Defaults ${name}`, hint);
}
