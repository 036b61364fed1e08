/** Commands about runs: `backup.start` and its like, `<kind>.cancel|suspend|resume|get|list`, `catalog.list`. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { RunInput } from '../../../machines/backup.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { isId } from '../../core/ids.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import { commandFields, runVerbs } from '../../domain/commands.ts';
import { absolutePath, nameText } from '../../domain/plan.ts';
import { policyOf } from '../../domain/policy.ts';
import type { RestoreRequest, RunContext, RunKind } from '../../domain/run.ts';
import { runIdOfRequest, runIdOfTime } from '../../domain/run-id.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { checkAllowed } from '../places.ts';
import { type OfferedKind, offeredKinds } from '../run-definitions.ts';
import { planOf } from './plan-commands.ts';
import { firstPart, recordOf, recordsOf } from './records.ts';
import { tellActor } from './tell-actor.ts';

export const idText = z.string().refine(isId, 'is not an id: 1 to 64 letters, digits, _ or -');
const { note, requestId } = commandFields;
const limit = z.int().min(1).max(10_000).optional();

export function runCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'backup.start': command({
      schema: z.strictObject({ plan: nameText, note, requestId }),
      handle: input => startBackup(parts, input),
    }),
    'restore.start': command({
      schema: z
        .strictObject({
          backup: idText.optional(),
          plan: nameText.optional(),
          at: z.literal('latest', 'must be latest: this version restores whole backups').optional(),
          to: absolutePath,
          on: nameText.optional(),
          include: z.array(z.string().min(1)).max(1_000).optional(),
          dryRun: z.boolean().optional(),
          note,
          requestId,
        })
        .refine(oneOfTwo, 'needs either backup or plan'),
      handle: input => startRestore(parts, input),
    }),
    'verify.start': command({
      schema: z
        .strictObject({ backup: idText.optional(), plan: nameText.optional(), note, requestId })
        .refine(oneOfTwo, 'needs either backup or plan'),
      handle: input => startVerify(parts, input),
    }),
    'catalog.list': command({
      schema: z.strictObject({ plan: nameText.optional() }),
      handle: async ({ plan }) => {
        if (plan !== undefined) await planOrBackups(parts, plan);
        const entries = await parts.catalog.list(plan);
        return { backups: entries.map(({ manifest: _, ...entry }) => entry) };
      },
    }),
    ...Object.assign({}, ...offeredKinds.map(kind => commandsOfKind(parts, kind))),
  };
}

function commandsOfKind(parts: AgentParts, kind: OfferedKind): Record<string, AnyCommand> {
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
      handle: async ({ id }) => ({ actor: withProgress(parts, (await recordOf(parts.store, kind, id)).record) }),
    }),
    [`${kind}.list`]: command({
      schema: z.strictObject({ plan: nameText.optional(), state: z.string().optional(), limit }),
      handle: async ({ plan, state, limit: most = 1_000 }) => {
        const records = (await recordsOf(parts.store, kind)).map(each => each.record);
        const wanted = records.filter(
          record =>
            (plan === undefined || record.context.plan === plan) &&
            (state === undefined || firstPart(record) === state),
        );
        return { [kind === 'verify' ? 'verifies' : `${kind}s`]: wanted.slice(0, most).map(rowOf) };
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
  const { plan, startedAt, endedAt, result } = record.context as unknown as RunContext;
  return { id, plan, state, reason, at, startedAt, endedAt, bytes: result.bytes, deletedAt: null };
}

async function startBackup(
  parts: AgentParts,
  input: { plan: string; note?: string | undefined; requestId?: string | undefined },
) {
  const { plan, revision } = await planOf(parts, input.plan);
  const policy = policyOf(plan);
  const repeated =
    input.requestId !== undefined && (await parts.store.read('backup', runIdOfRequest(plan.name, input.requestId)));
  if (!repeated && policy.ifRunning !== 'queue') {
    const running = (await recordsOf(parts.store, 'backup')).find(
      ({ record }) => !record.final && record.context.plan === plan.name,
    );
    if (running && policy.ifRunning === 'join') return { id: running.record.id };
    if (running)
      throw new AnswerError(
        'conflict',
        `backup ${running.record.id} of plan ${plan.name} is ${running.record.state}`,
        'wait for it or cancel it; ifRunning: queue would wait, join would answer it',
      );
  }
  return await startRun(parts, 'backup', { ...input, document: plan, planRevision: revision, restore: null });
}

interface RestoreInput {
  backup?: string | undefined;
  plan?: string | undefined;
  to: string;
  on?: string | undefined;
  include?: string[] | undefined;
  dryRun?: boolean | undefined;
  note?: string | undefined;
  requestId?: string | undefined;
}

async function startRestore(parts: AgentParts, input: RestoreInput) {
  if (input.on !== undefined && input.on !== parts.config.name)
    throw new AnswerError(
      'refused',
      `this agent is ${parts.config.name}, and cannot restore on ${input.on}`,
      'leave --on away',
    );
  const entry = await restorePoint(parts, input);
  checkAllowed(parts.config, 'restore', input.to);
  if (input.dryRun) return { base: entry.id, logs: [], reachableEnd: entry.completedAt, bytes: entry.bytes };
  const restore = { backup: entry.id, to: input.to, include: input.include ?? [] };
  return await startOnBackup(parts, 'restore', entry, restore, input);
}

async function startVerify(parts: AgentParts, input: Pick<RestoreInput, 'backup' | 'plan' | 'note' | 'requestId'>) {
  const entry = await restorePoint(parts, input);
  return await startOnBackup(parts, 'verify', entry, { backup: entry.id, to: '', include: [] }, input);
}

async function startOnBackup(
  parts: AgentParts,
  kind: 'restore' | 'verify',
  entry: CatalogEntry,
  restore: RestoreRequest,
  said: { note?: string | undefined; requestId?: string | undefined },
) {
  const stored = await parts.plans.get(entry.plan);
  const run = stored ? undefined : await parts.store.read('backup', entry.id);
  const document = stored?.plan ?? (run?.record.context as unknown as RunContext | undefined)?.document;
  if (!document)
    throw new AnswerError(
      'not-found',
      `the plan ${entry.plan} of backup ${entry.id} is gone`,
      `restore it offline: reeve restore --repository ${entry.repository} ${entry.id} --to DIR`,
    );
  return await startRun(parts, kind, { ...said, document, planRevision: stored?.revision ?? 0, restore });
}

async function restorePoint(
  parts: AgentParts,
  of: { backup?: string | undefined; plan?: string | undefined },
): Promise<CatalogEntry> {
  if (of.backup !== undefined) {
    const entry = await parts.catalog.get(of.backup);
    if (entry) return entry;
    throw new AnswerError(
      'not-found',
      `there is no backup ${of.backup}`,
      'see what can be restored with: reeve backups',
    );
  }
  const plan = of.plan as string;
  const [newest] = await planOrBackups(parts, plan);
  if (newest) return newest;
  throw new AnswerError('not-found', `plan ${plan} has no backup yet`, `make one with: reeve backup ${plan}`);
}

async function planOrBackups(parts: AgentParts, plan: string): Promise<CatalogEntry[]> {
  const backups = await parts.catalog.list(plan);
  if (backups.length === 0) await planOf(parts, plan);
  return backups;
}

type RunSaid = Pick<RunInput, 'document' | 'planRevision' | 'restore'> & {
  note?: string | undefined;
  requestId?: string | undefined;
};

async function startRun(parts: AgentParts, kind: RunKind, said: RunSaid): Promise<{ id: string }> {
  const { document, planRevision, restore, note: words, requestId: request } = said;
  const id =
    request === undefined
      ? runIdOfTime(document.name, parts.clock.now(), randomBytes(3).toString('hex'))
      : runIdOfRequest(document.name, request);
  const input = {
    id,
    task: kind,
    agent: parts.config.name,
    document,
    planRevision,
    policy: policyOf(document),
    restore,
  };
  await parts.runtime.start(kind, id, { input, note: words, requestId: request });
  return { id };
}

function oneOfTwo({ backup, plan }: { backup?: string | undefined; plan?: string | undefined }): boolean {
  return (backup === undefined) !== (plan === undefined);
}
