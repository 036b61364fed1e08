/** Commands about any actor: `actor.list`, `get`, `history`, `explain`, `send`, `logs`. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import { printable } from '../../core/printable.ts';
import { actorKinds } from '../../domain/actor-kinds.ts';
import { nameText } from '../../domain/plan.ts';
import { scheduleContextOf } from '../../domain/schedule-context.ts';
import { command } from '../../nats/command-service.ts';
import { explain } from '../../runtime/explanation.ts';
import { type ActorRecord, summaryOf } from '../../runtime/record.ts';
import { firstPart } from '../../runtime/step-record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { awayNow, awayText, showing, shownAway, untilAway } from '../custody/host-away.ts';
import { answerPlaced } from '../responsibility.ts';
import { idText, unknownKind } from './lookups.ts';
import { queuedOn } from './queue-commands.ts';
import { recordOf, recordsOf } from './records.ts';
import { withProgress } from './run-commands.ts';
import { tellActor } from './tell-actor.ts';

const kindText = z.string().regex(/^[a-z][a-z-]{0,31}$/, 'is not a kind');
const actor = { kind: kindText, id: idText };
const logBytesMax = 64 * 1024;

export function actorCommands(parts: AgentParts) {
  const { store } = parts;
  const knownOf = (kind: string, id: string) => {
    refuseUnknownKind(kind);
    return recordOf(store, kind, id);
  };
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
        if (kind !== undefined) refuseUnknownKind(kind);
        const shown = await showing(parts);
        const all = (await recordsOf(store, kind)).map(({ record, revision }) => ({ record: shown(record), revision }));
        const wanted = all.filter(
          ({ record, revision }) =>
            (cursor === undefined || revision < Number(cursor)) &&
            (state === undefined || firstPart(record.state) === state) &&
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
      handle: async ({ kind, id }) => {
        const { record } = await knownOf(kind, id);
        return { actor: (await showing(parts))(withProgress(parts, record)) };
      },
    }),
    'actor.history': command({
      schema: z.strictObject({
        ...actor,
        limit: z.int().min(1).max(1_000).optional(),
        before: z.int().min(1).optional(),
      }),
      handle: async ({ kind, id, limit = 50, before }) => {
        const records = await store.history(kind, id, { limit, ...(before !== undefined && { before }) });
        if (records.length === 0) await knownOf(kind, id);
        return { records: records.map(({ record, revision }) => ({ ...record, revision })) };
      },
    }),
    'actor.explain': command({
      schema: z.strictObject({ ...actor, command: z.looseObject({ type: z.string() }).optional() }),
      handle: async ({ kind, id, command: asked }) => {
        const { record } = await knownOf(kind, id);
        const definition = parts.runtime.definition(kind);
        if (asked && definition) refuseUnknownCommand(kind, asked.type, Object.keys(definition.commands ?? {}));
        const away = await awayNow(record, parts);
        const explained = explain(shownAway(record, away), definition, asked?.type);
        if (away) return { ...explained, waitsFor: awayText(away), until: untilAway(away) };
        const waiting = queuedRunOf(record);
        const place = waiting && (await queuedOn(parts, undefined)).find(each => each.id === waiting);
        if (!place) return explained;
        const who = waiting === id ? 'now' : `${waiting} is`;
        const now = `${who} in place ${place.position} of the queue of agent ${place.agent}, for ${place.waitsFor}`;
        return { ...explained, waitsFor: [explained.waitsFor, now].filter(Boolean).join('; ') };
      },
    }),
    'actor.send': command({
      schema: z.strictObject({ ...actor, command: z.looseObject({ type: z.string() }) }),
      handle: async ({ kind, id, command: said }) => {
        refuseUnknownKind(kind);
        return await tellActor(parts, kind, id, said);
      },
    }),
    'actor.logs': command({
      schema: z.strictObject({ ...actor, tailBytes: z.int().min(1).max(logBytesMax).optional() }),
      answeredBy: 'each',
      handle: ({ kind, id, tailBytes = logBytesMax }) =>
        answerPlaced(
          parts,
          // What an engine said lies with the agent that ran it.
          async () => ({ plan: { name: id }, on: (await knownOf(kind, id)).record.owner?.agent }),
          async () => {
            const text = await parts.engineRuns.stderrTail(id, tailBytes);
            return { text: text.split('\n').map(printable).join('\n') };
          },
        ),
    }),
  };
}

/** The run that may wait in a queue: the actor itself, or that which a schedule is blocked by. */
function queuedRunOf(record: ActorRecord): string | undefined {
  if (firstPart(record.state) === 'pending') return record.id;
  const blocked = record.kind === 'schedule' ? scheduleContextOf(record).blocked : null;
  return blocked?.state === 'pending' ? blocked.run : undefined;
}

function refuseUnknownCommand(kind: string, type: string, known: string[]): void {
  if (known.includes(type)) return;
  const near = nearest(type, known);
  const hint = near ? `did you mean ${near}?` : `it takes: ${known.sort().join(', ') || 'no commands'}`;
  throw new AnswerError('invalid', `${JSON.stringify(type.slice(0, 80))} is not a command of kind ${kind}`, hint);
}

function refuseUnknownKind(kind: string): void {
  if (!actorKinds.includes(kind)) throw unknownKind(kind, actorKinds);
}
