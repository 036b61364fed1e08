/**
 * Commands that start runs: `backup.start`, `snapshot.start`, `prune.start`, `restore.start`, `verify.start`,
 * `drill.start`. Every agent
 * hears them, and the one that the plan's placement gives starts the run, for runs are bound to their agent.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { RunInput } from '../../../machines/backup.ts';
import { AnswerError } from '../../core/answer-error.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import { commandFields } from '../../domain/commands.ts';
import { pauseNow } from '../../domain/pause.ts';
import { absolutePath, nameText, type Plan } from '../../domain/plan.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import { policyOf } from '../../domain/policy.ts';
import { runOf } from '../../domain/run.ts';
import { runIdOfRequest, runIdOfTime } from '../../domain/run-id.ts';
import { engineOf } from '../../engines/engines.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { checkReached, checkRepository } from '../plans/places.ts';
import { agentsThatLive, answerPlaced } from '../responsibility.ts';
import { OneAtATime } from '../runs/one-at-a-time.ts';
import { type OfferedKind, offeredKinds } from '../runs/run-definitions.ts';
import { runPolicyOf } from '../runs/run-policy.ts';
import { idText, planOf, planOrBackups } from './lookups.ts';
import { previewOf, refuseDeleting, refuseWithoutRetention } from './prune-preview.ts';
import { recordOrPast, recordsOf } from './records.ts';

const { note, requestId } = commandFields;
const ofPlan = { plan: nameText, dryRun: z.boolean().optional(), note, requestId };
const ofBackupOrPlan = { backup: idText.optional(), plan: nameText.optional(), note, requestId };

interface Said {
  note?: string | undefined;
  requestId?: string | undefined;
}
type OfBackupOrPlan = Said & { backup?: string | undefined; plan?: string | undefined };

/** A backup to work on, with the plan that says how. */
interface RestorePoint {
  entry: CatalogEntry;
  plan: Plan;
  revision: number;
}

export function startCommands(parts: AgentParts): Record<string, AnyCommand> {
  const plansInTurn = new OneAtATime();
  const startAlone = (kind: 'snapshot' | 'prune') =>
    command({
      schema: z.strictObject(ofPlan),
      answeredBy: 'each',
      handle: input =>
        answerPlaced(
          parts,
          () => planOf(parts, input.plan),
          found => plansInTurn.run(input.plan, () => startOfPlan(parts, kind, found, input)),
        ),
    });
  return {
    'backup.start': command({
      schema: z.strictObject({ ...ofPlan, rescan: z.boolean().optional() }),
      answeredBy: 'each',
      handle: input =>
        answerPlaced(
          parts,
          () => planOf(parts, input.plan),
          found => plansInTurn.run(input.plan, () => startOfPlan(parts, 'backup', found, input)),
        ),
    }),
    'snapshot.start': startAlone('snapshot'),
    'prune.start': startAlone('prune'),
    'restore.start': command({
      schema: z
        .strictObject({
          ...ofBackupOrPlan,
          at: z.literal('latest', 'must be latest: this version restores whole backups').optional(),
          to: absolutePath,
          on: nameText.optional(),
          include: z.array(z.string().min(1)).max(1_000).optional(),
          dryRun: z.boolean().optional(),
        })
        .refine(oneOfTwo, 'needs either backup or plan'),
      answeredBy: 'each',
      handle: input =>
        answerPlaced(
          parts,
          async () => ({ ...(await restorePoint(parts, input)), on: input.on }),
          found => startRestore(parts, found, input),
        ),
    }),
    ...Object.fromEntries((['verify', 'drill'] as const).map(kind => [`${kind}.start`, startOfCheck(parts, kind)])),
  };
}

/** What works on a backup alone, and changes nothing. */
function startOfCheck(parts: AgentParts, kind: 'verify' | 'drill'): AnyCommand {
  return command({
    schema: z.strictObject(ofBackupOrPlan).refine(oneOfTwo, 'needs either backup or plan'),
    answeredBy: 'each',
    handle: input =>
      answerPlaced(
        parts,
        () => restorePoint(parts, input),
        async found => {
          await refuseUnplaced(parts, found.plan, 'put the plan again with a placement');
          const restore = { backup: found.entry.id, to: '', include: [] };
          return await startRun(parts, kind, { ...found, restore }, input);
        },
      ),
  });
}

/** Kinds that are asked for by a plan, of which one plan has one run at a time. */
type PlanKind = 'backup' | 'snapshot' | 'prune';
const planKinds: readonly PlanKind[] = ['backup', 'snapshot', 'prune'];

async function startOfPlan(
  parts: AgentParts,
  kind: PlanKind,
  found: StoredPlan,
  input: Said & { rescan?: boolean | undefined; dryRun?: boolean | undefined },
): Promise<object> {
  const { plan } = found;
  await refuseUnplaced(parts, plan, 'put the plan again with a placement');
  if (kind === 'prune' && input.dryRun) return await previewOf(parts, plan);
  const asked = input.requestId;
  const isRepeat =
    asked !== undefined && (await parts.store.read(kind, runIdOfRequest(plan.name, asked))) !== undefined;
  if (!isRepeat && kind === 'snapshot') refuseWithoutSnapshots(plan);
  if (!isRepeat && kind === 'prune') await refuseWithoutRetention(parts, plan);
  if (!isRepeat) refusePaused(found, parts.clock.now());
  const joined = isRepeat ? undefined : await joinedOrRefused(parts, kind, plan);
  if (joined !== undefined) return { id: joined };
  if (input.dryRun) return {};
  return await startRun(parts, kind, { ...found, restore: null, rescan: input.rescan === true }, input);
}

function refuseWithoutSnapshots(plan: Plan): void {
  if (engineOf(plan).snapshots) return;
  throw new AnswerError(
    'refused',
    `plan ${plan.name} has the engine ${plan.engine.type}, which makes no snapshots`,
    `make a backup with: reeve backup ${plan.name}`,
  );
}

/** By hand too: whoever paused it had a reason, which is told. */
function refusePaused({ plan: { name }, paused }: StoredPlan, now: number): void {
  const pause = pauseNow(paused, now);
  if (!pause) return;
  const until = pause.until === null ? '' : ` until ${pause.until}`;
  const note = pause.note === null ? '' : `: ${pause.note}`;
  throw new AnswerError(
    'refused',
    `plan ${name} is paused${until}${note}`,
    `let it go on with: reeve plan resume ${name}`,
  );
}

/**
 * What a run of the plan that is not over means for a new one: the id to join; nothing where the new one may queue behind
 * it. Only its own agent has the queue, so behind another agent's run there is no place.
 */
async function joinedOrRefused(parts: AgentParts, kind: PlanKind, plan: Plan): Promise<string | undefined> {
  const { ifRunning } = policyOf(plan);
  const records = await Promise.all(planKinds.map(each => recordsOf(parts.store, each)));
  const running = records
    .flat()
    .map(({ record }) => record)
    .filter(record => !record.final && record.context.plan === plan.name);
  const alike = running.find(record => record.kind === kind);
  if (ifRunning === 'join' && alike) return alike.id;
  const elsewhere = running.find(record => record.context.agent !== parts.config.name);
  // A backup waits for a prune of its plan, whatever it does about another backup. Of another kind there is none to join.
  const refusing = running.find(record => record.kind !== 'prune' || kind === 'prune');
  const inTheWay = (ifRunning === 'refuse' ? refusing : undefined) ?? elsewhere;
  if (!inTheWay) return undefined;
  const where = inTheWay === elsewhere ? ` on agent ${String(inTheWay.context.agent)}` : '';
  throw new AnswerError(
    'conflict',
    `${inTheWay.kind} ${inTheWay.id} of plan ${plan.name} is ${inTheWay.state}${where}`,
    ifRunning !== 'refuse'
      ? 'runs of one plan never overlap: wait for it or cancel it'
      : 'wait for it or cancel it; ifRunning: queue would wait, join would answer it',
  );
}

async function startRestore(
  parts: AgentParts,
  found: RestorePoint & { on: string | undefined },
  input: Said & { to: string; include?: string[] | undefined; dryRun?: boolean | undefined },
): Promise<object> {
  const { entry, plan } = found;
  if (found.on === undefined)
    await refuseUnplaced(parts, plan, 'name the agent to restore on (`on`, or --on in the command line)');
  await checkReached(parts.config, 'restore', input.to);
  await checkRepository(plan, parts.config);
  if (input.dryRun) return { base: entry.id, logs: [], reachableEnd: entry.completedAt, bytes: entry.bytes };
  const restore = { backup: entry.id, to: input.to, include: input.include ?? [] };
  return await startRun(parts, 'restore', { ...found, restore }, input);
}

/** A plan that does not say where it belongs belongs to the only agent; of several, nobody knows which has its source. */
async function refuseUnplaced(parts: AgentParts, plan: Plan, hint: string): Promise<void> {
  const living = plan.placement ? [] : await agentsThatLive(parts);
  if (living.length < 2) return;
  const message = `plan ${plan.name} has no placement, and ${living.length} agents live: ${living.join(', ')}`;
  throw new AnswerError('refused', message, hint);
}

async function restorePoint(parts: AgentParts, { backup, plan }: OfBackupOrPlan): Promise<RestorePoint> {
  const entry = backup === undefined ? await newestOf(parts, plan as string) : await parts.catalog.get(backup);
  if (!entry) throw await noBackup(parts, backup as string);
  refuseDeleting(entry);
  const stored = await parts.plans.get(entry.plan);
  if (stored) return { entry, ...stored };
  const run = await recordOrPast(parts.store, 'backup', entry.id);
  const context = run && runOf(run.record);
  if (context) return { entry, plan: context.document, revision: context.planRevision };
  throw new AnswerError(
    'not-found',
    `the plan ${entry.plan} of backup ${entry.id} is gone`,
    `restore it offline: reeve restore --repository ${entry.repository} ${entry.id} --to DIR`,
  );
}

export async function noBackup({ store }: AgentParts, id: string): Promise<AnswerError> {
  const message = `there is no backup ${id}`;
  if (!(await store.read('snapshot', id)))
    return new AnswerError('not-found', message, 'see what can be restored with: reeve backups');
  const hint = `it is a snapshot, which its source keeps and has to be brought back from there: reeve show snapshot/${id}`;
  return new AnswerError('not-found', message, hint);
}

async function newestOf(parts: AgentParts, plan: string): Promise<CatalogEntry> {
  const newest = (await planOrBackups(parts, plan)).find(({ deleting }) => !deleting);
  if (newest) return newest;
  throw new AnswerError('not-found', `plan ${plan} has no backup yet`, `make one with: reeve backup ${plan}`);
}

/** Starts a run here, or finds the one that the request has started. */
export async function startRun(
  parts: AgentParts,
  kind: OfferedKind,
  { plan, revision, restore, rescan = false }: { plan: Plan; revision: number } & Pick<RunInput, 'restore' | 'rescan'>,
  { note: words, requestId: request }: Said,
): Promise<{ id: string }> {
  const id =
    request === undefined
      ? runIdOfTime(plan.name, parts.clock.now(), randomBytes(3).toString('hex'))
      : runIdOfRequest(plan.name, request);
  if (request !== undefined) await refuseOtherKinds(parts, kind, id, request);
  // What the request started is over, and has left for the history: a repeat starts nothing.
  if (request !== undefined && (await parts.store.isForgotten(kind, id))) return { id };
  const input = {
    id,
    task: kind,
    agent: parts.config.name,
    document: plan,
    planRevision: revision,
    policy: runPolicyOf(kind, plan, parts.config),
    restore,
    rescan,
  };
  await parts.runtime.start(kind, id, { input, note: words, requestId: request });
  return { id };
}

/** Ids are unique over all kinds of runs, and a request names one. */
async function refuseOtherKinds(parts: AgentParts, kind: OfferedKind, id: string, request: string): Promise<void> {
  for (const other of offeredKinds)
    if (other !== kind && (await parts.store.read(other, id)))
      throw new AnswerError('conflict', `the requestId ${request} was used for ${other} ${id}`, 'use one a request');
}

function oneOfTwo({ backup, plan }: OfBackupOrPlan): boolean {
  return (backup === undefined) !== (plan === undefined);
}
