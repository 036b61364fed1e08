/** Commands about runs that are there: `<kind>.cancel|suspend|resume|get|list`, and `catalog.list`. */
import { z } from 'zod';
import { type CatalogEntry, isLocked } from '../../domain/catalog.ts';
import { commandFields, runVerbs } from '../../domain/commands.ts';
import { nameText } from '../../domain/plan.ts';
import { type RunKind, runKinds, runOf } from '../../domain/run.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import { firstPart } from '../../runtime/step-record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { showing } from '../custody/host-away.ts';
import { idText, planOrBackups } from './lookups.ts';
import { recordOf, recordsOf } from './records.ts';
import { tellActor } from './tell-actor.ts';

const { note, requestId } = commandFields;
const limit = z.int().min(1).max(10_000).optional();

/** The key of each kind's list. */
const listKeys = {
  backup: 'backups',
  restore: 'restores',
  verify: 'verifies',
  drill: 'drills',
  prune: 'prunes',
  snapshot: 'snapshots',
} as const satisfies Record<RunKind, string>;

export function runCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'catalog.list': command({
      schema: z.strictObject({ plan: nameText.optional() }),
      handle: async ({ plan }) => {
        const entries = plan === undefined ? await parts.catalog.list() : await planOrBackups(parts, plan);
        const now = parts.clock.now();
        return { backups: entries.map(entry => restorePointOf(entry, now)) };
      },
    }),
    ...Object.assign({}, ...runKinds.map(kind => commandsOfKind(parts, kind))),
  };
}

function commandsOfKind(parts: AgentParts, kind: RunKind): Record<string, AnyCommand> {
  const verbs = runVerbs.map(verb => [
    `${kind}.${verb}`,
    command({
      schema: z.strictObject({ id: idText, note, requestId }),
      handle: ({ id, ...said }) => tellActor(parts, kind, id, { type: `${kind}.${verb}`, ...said }),
    }),
  ]);
  return {
    ...Object.fromEntries(verbs),
    [`${kind}.get`]: command({
      schema: z.strictObject({ id: idText }),
      handle: async ({ id }) => {
        const { record } = await recordOf(parts.store, kind, id);
        return { actor: (await showing(parts))(withProgress(parts, record)) };
      },
    }),
    [`${kind}.list`]: command({
      schema: z.strictObject({ plan: nameText.optional(), state: z.string().optional(), limit }),
      handle: async ({ plan, state, limit: most = 1_000 }) => {
        const records = (await recordsOf(parts.store, kind)).map(each => each.record);
        const wanted = records.filter(
          record =>
            (plan === undefined || record.context.plan === plan) &&
            (state === undefined || firstPart(record.state) === state),
        );
        const deleted = kind === 'backup' || kind === 'snapshot' ? await parts.catalog.deleted() : [];
        const deletedAt = new Map(deleted.map(entry => [entry.id, entry.deletedAt]));
        const listed = wanted.slice(0, most).map(await showing(parts));
        const rows = listed.map(record => ({ ...rowOf(record), deletedAt: deletedAt.get(record.id) ?? null }));
        return { [listKeys[kind]]: rows };
      },
    }),
  };
}

/** The record with the progress of this moment, which no record is written for. */
export function withProgress({ engineRuns }: AgentParts, record: ActorRecord): ActorRecord {
  const progress = engineRuns.progressOf(record.id);
  return progress && !record.final ? { ...record, context: { ...record.context, progress: { ...progress } } } : record;
}

function rowOf(record: ActorRecord) {
  const { id, state, reason, at } = record;
  const { plan, startedAt, endedAt, result } = runOf(record);
  return { id, plan, state, reason, at, startedAt, endedAt, bytes: result.bytes };
}

/** What the wire says of a restore point; the rest of its entry is the agents' own. */
function restorePointOf(entry: CatalogEntry, nowMs: number) {
  const { id, plan, outcome, completedAt, bytes, repository, position, deleting, verifiedAt, window } = entry;
  const locked = isLocked(entry, nowMs);
  const lastVerifiedRestore = entry.lastVerifiedRestore ?? null;
  const known = { id, plan, outcome, completedAt, bytes, repository, position };
  return { ...known, locked, deleting, verifiedAt, lastVerifiedRestore, window };
}
