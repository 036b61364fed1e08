/** What a prune would do, and what stands in the way of one. */
import { AnswerError } from '../../core/answer-error.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import type { Plan } from '../../domain/plan.ts';
import { hasRule } from '../../domain/retention.ts';
import type { AgentParts } from '../agent-parts.ts';
import { decideSnapshots, keptSnapshots } from '../retention/kept-snapshots.ts';
import { decideFor, readersOf } from '../retention/retention-decision.ts';

/** What a prune would keep and remove now, with the reasons: backups, then snapshots in the source, the newest first. */
export async function previewOf(parts: Pick<AgentParts, 'catalog' | 'store' | 'clock'>, plan: Plan): Promise<object> {
  const [entries, readers, kept] = await Promise.all([
    parts.catalog.list(plan.name),
    readersOf(parts.store),
    keptSnapshots(parts, plan),
  ]);
  const known = [
    ...entries,
    ...kept.map(({ id, completedAt }) => ({ id, completedAt, outcome: 'completed', bytes: null })),
  ];
  const byId = new Map(known.map(each => [each.id, each]));
  const now = parts.clock.now();
  const decisions = [...decideFor(plan, entries, readers, now), ...decideSnapshots(plan, kept, entries, now)];
  const rowsOf = (kept: boolean) =>
    decisions
      .filter(({ keep }) => keep === kept)
      .map(({ id, reasons }) => {
        const { outcome, completedAt, bytes } = byId.get(id) ?? {};
        return { id, outcome, completedAt, bytes, reasons };
      });
  return { keep: rowsOf(true), remove: rowsOf(false) };
}

/** Without a rule only what a prune before had condemned may go. */
export async function refuseWithoutRetention({ catalog }: Pick<AgentParts, 'catalog'>, plan: Plan): Promise<void> {
  if (hasRule(plan.retention) || (await catalog.list(plan.name)).some(({ deleting }) => deleting)) return;
  throw new AnswerError(
    'refused',
    `plan ${plan.name} has no ${plan.retention ? 'keep rule in its retention' : 'retention'}: none of its backups goes`,
    'put it with one, such as retention: { keepDaily: 14 }; or delete one backup with: reeve delete BACKUP',
  );
}

export function refuseDeleting({ id, deleting }: CatalogEntry): void {
  if (!deleting) return;
  throw new AnswerError('refused', `backup ${id} is being deleted`, 'see what can be restored with: reeve backups');
}
