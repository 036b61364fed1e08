/**
 * Commands that start runs on a backup: `restore.start`, `verify.start`, `drill.start`. Every agent hears them, and the one
 * that the placement of the backup's plan gives, or that a restore names, starts the run.
 */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import { commandFields } from '../../domain/commands.ts';
import { absolutePath, nameText, type Plan } from '../../domain/plan.ts';
import { runOf } from '../../domain/run.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { checkReached, checkRepository } from '../plans/places.ts';
import { answerPlaced } from '../responsibility.ts';
import { type Asked, refuseUnplaced, startRun } from '../runs/start-run.ts';
import { idText, noBackup, planOrBackups } from './lookups.ts';
import { refuseDeleting } from './prune-preview.ts';
import { recordOrPast } from './records.ts';

const ofBackupOrPlan = { backup: idText.optional(), plan: nameText.optional(), ...commandFields };

interface OfBackupOrPlan extends Asked {
  backup?: string | undefined;
  plan?: string | undefined;
}

/** A backup to work on, with the plan that says how. */
interface RestorePoint {
  entry: CatalogEntry;
  plan: Plan;
  revision: number;
}

export function restoreCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'restore.start': command({
      schema: z
        .strictObject({
          ...ofBackupOrPlan,
          at: z
            .string()
            .refine(
              text => text === 'latest',
              'must be latest: this version restores the newest backup, or one by its id',
            )
            .optional(),
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
    'verify.start': startOfCheck(parts, 'verify'),
    'drill.start': startOfCheck(parts, 'drill'),
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

async function startRestore(
  parts: AgentParts,
  found: RestorePoint & { on: string | undefined },
  input: Asked & { to: string; include?: string[] | undefined; dryRun?: boolean | undefined },
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

async function restorePoint(parts: AgentParts, { backup, plan }: OfBackupOrPlan): Promise<RestorePoint> {
  const entry = backup === undefined ? await newestOf(parts, plan as string) : await backupOf(parts, backup);
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

async function backupOf(parts: AgentParts, id: string): Promise<CatalogEntry> {
  const entry = await parts.catalog.get(id);
  if (!entry) throw await noBackup(parts, id);
  return entry;
}

async function newestOf(parts: AgentParts, plan: string): Promise<CatalogEntry> {
  const newest = (await planOrBackups(parts, plan)).find(({ deleting }) => !deleting);
  if (newest) return newest;
  throw new AnswerError('not-found', `plan ${plan} has no backup yet`, `make one with: reeve backup ${plan}`);
}

function oneOfTwo({ backup, plan }: OfBackupOrPlan): boolean {
  return (backup === undefined) !== (plan === undefined);
}
