/** Commands about any actor: `actor.list`, `get`, `history`, `explain`, `send`, `logs`. */
import { z } from 'zod';
import { printable } from '../../core/printable.ts';
import { nameText } from '../../domain/plan.ts';
import { command } from '../../nats/command-service.ts';
import { explain } from '../../runtime/explanation.ts';
import { summaryOf } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { firstPart, recordOf, recordsOf } from './records.ts';
import { idText, withProgress } from './run-commands.ts';
import { tellActor } from './tell-actor.ts';

const kindText = z.string().regex(/^[a-z][a-z-]{0,31}$/, 'is not a kind');
const actor = { kind: kindText, id: idText };
const logBytesMax = 64 * 1024;

export function actorCommands(parts: AgentParts) {
  const { store } = parts;
  return {
    'actor.list': command({
      schema: z.strictObject({
        kind: kindText.optional(),
        state: z.string().optional(),
        reason: z.string().optional(),
        plan: nameText.optional(),
        agent: nameText.optional(),
        limit: z.int().min(1).max(10_000).optional(),
        cursor: z.string().regex(/^\d+$/, 'is not a cursor').optional(),
      }),
      handle: async ({ kind, state, reason, plan, agent, limit = 1_000, cursor }) => {
        const all = await recordsOf(store, kind);
        const wanted = all.filter(
          ({ record, revision }) =>
            (cursor === undefined || revision < Number(cursor)) &&
            (state === undefined || firstPart(record) === state) &&
            (reason === undefined || record.reason === reason) &&
            (plan === undefined || record.context.plan === plan) &&
            (agent === undefined || record.owner?.agent === agent),
        );
        const page = wanted.slice(0, limit);
        const more = wanted.length > page.length;
        return {
          actors: page.map(({ record }) => summaryOf(record)),
          cursor: more ? String(page.at(-1)?.revision) : null,
        };
      },
    }),
    'actor.get': command({
      schema: z.strictObject(actor),
      handle: async ({ kind, id }) => ({ actor: withProgress(parts, (await recordOf(store, kind, id)).record) }),
    }),
    'actor.history': command({
      schema: z.strictObject({
        ...actor,
        limit: z.int().min(1).max(1_000).optional(),
        before: z.int().min(1).optional(),
      }),
      handle: async ({ kind, id, limit = 50, before }) => {
        const records = await store.history(kind, id, { limit, ...(before !== undefined && { before }) });
        if (records.length === 0) await recordOf(store, kind, id);
        return { records: records.map(({ record, revision }) => ({ ...record, revision })) };
      },
    }),
    'actor.explain': command({
      schema: z.strictObject({ ...actor, command: z.looseObject({ type: z.string() }).optional() }),
      handle: async ({ kind, id }) => {
        const { record } = await recordOf(store, kind, id);
        return explain(record, parts.runtime.definition(kind));
      },
    }),
    'actor.send': command({
      schema: z.strictObject({ ...actor, command: z.looseObject({ type: z.string() }) }),
      handle: ({ kind, id, command: said }) => tellActor(parts, kind, id, said),
    }),
    'actor.logs': command({
      schema: z.strictObject({ ...actor, tailBytes: z.int().min(1).max(logBytesMax).optional() }),
      handle: async ({ kind, id, tailBytes = logBytesMax }) => {
        await recordOf(store, kind, id);
        const text = await parts.engineRuns.stderrTail(id, tailBytes);
        return { text: text.split('\n').map(printable).join('\n') };
      },
    }),
  };
}
