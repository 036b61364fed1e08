/**
 * The snapshots that the source of a plan keeps, as the records of their runs tell, and which of them the plan's retention
 * lets go: by the same rules as backups, in a list of their own. One that was deleted has an entry of the catalog that says
 * so, as a backup has.
 */
import type { CatalogEntry } from '../../domain/catalog.ts';
import type { Plan } from '../../domain/plan.ts';
import { type Decision, decide, standstillOf } from '../../domain/retention.ts';
import { type RunContext, runOf } from '../../domain/run.ts';
import { engineOf } from '../../engines/engines.ts';
import type { AgentParts } from '../agent-parts.ts';
import { repositoryName } from '../plans/places.ts';

/** A run that left a snapshot in its source, by the name that it has there. */
export interface KeptSnapshot {
  id: string;
  name: string;
  completedAt: string;
}

/** Those of a plan, oldest first, that were not deleted by a prune; somebody else may have deleted one. */
export async function keptSnapshots(
  { store, catalog }: Pick<AgentParts, 'store' | 'catalog'>,
  plan: Pick<Plan, 'name' | 'engine'>,
): Promise<KeptSnapshot[]> {
  const kept: KeptSnapshot[] = [];
  if (!engineOf(plan).snapshots) return kept;
  const deleted = new Set((await catalog.deleted()).map(({ id }) => id));
  for await (const { record } of store.list('snapshot')) {
    const { id, plan: ofPlan, ending, slot, result, endedAt } = runOf(record);
    const { position: name } = result;
    if (ofPlan !== plan.name || ending !== 'completed' || slot !== 'manifest' || deleted.has(id)) continue;
    if (record.final && typeof name === 'string') kept.push({ id, name, completedAt: endedAt ?? record.at });
  }
  return kept.sort((one, other) => (one.completedAt < other.completedAt ? -1 : 1));
}

/** What the retention says of them; all stay while it stands still for the backups of the plan. */
export function decideSnapshots(
  { retention }: Pick<Plan, 'retention'>,
  kept: readonly KeptSnapshot[],
  backups: readonly CatalogEntry[],
  nowMs: number,
): Decision[] {
  const standstill = standstillOf(backups);
  if (standstill !== undefined) return kept.map(({ id }) => ({ id, keep: true, reasons: [standstill] }));
  const looked = kept.map(({ id, completedAt }) => ({ id, completedAt, ...alive }));
  return decide(retention, looked, nowMs).map(({ reasons, ...decision }) => ({
    ...decision,
    reasons: reasons.map(reason => `snapshot: ${reason.replace('complete backup', 'one')}`),
  }));
}

const alive = { outcome: 'completed', locked: false, deleting: false } as const;

/** Deletes one in its source; done also where it is not there any more. */
export async function deleteSnapshot(
  run: RunContext,
  { id, name }: Pick<KeptSnapshot, 'id' | 'name'>,
  parts: AgentParts,
  deletedAt: string,
  signal: AbortSignal,
): Promise<void> {
  await engineOf(run.document).snapshots?.delete(run.document, parts.config, name, signal);
  await parts.entries.add({
    id,
    plan: run.plan,
    outcome: 'completed',
    completedAt: deletedAt,
    bytes: 0,
    files: 0,
    repository: repositoryName(run.document),
    position: name,
    locked: false,
    deleting: true,
    deletedAt,
    verifiedAt: null,
    window: null,
    manifest: name,
  });
}
