/** What commands are asked about, by its name: `not-found` where there is none. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { isId } from '../../core/ids.ts';
import { nearest } from '../../core/nearest.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import type { AgentParts } from '../agent-parts.ts';

export const idText = z.string().refine(isId, 'is not an id: 1 to 64 letters, digits, _ or -');

/** The plan of a name, with its Defaults. */
export async function planOf(parts: AgentParts, name: string): Promise<StoredPlan> {
  const stored = await parts.plans.get(name);
  if (!stored) throw await unknownPlan(parts, name);
  return stored;
}

/** The backups of a plan, newest first; none only where the plan is there. */
export async function planOrBackups(parts: AgentParts, plan: string): Promise<CatalogEntry[]> {
  const backups = await parts.catalog.list(plan);
  if (backups.length === 0) await planOf(parts, plan);
  return backups;
}

/** The error of a backup that the catalog does not have: a snapshot is not in it. */
export async function noBackup({ store }: AgentParts, id: string): Promise<AnswerError> {
  const message = `there is no backup ${id}`;
  if (!(await store.read('snapshot', id)))
    return new AnswerError('not-found', message, 'see what can be restored with: reeve backups');
  const hint = `it is a snapshot, which its source keeps and has to be brought back from there: reeve show snapshot/${id}`;
  return new AnswerError('not-found', message, hint);
}

export async function unknownPlan(parts: AgentParts, name: string): Promise<AnswerError> {
  const known = (await parts.plans.listWritten()).map(({ written }) => written.name);
  const near = nearest(name, known);
  const hint = near ? `did you mean ${near}?` : 'see them with: reeve plan list';
  return new AnswerError('not-found', `there is no plan ${name}`, hint);
}

export function unknownKind(kind: string, known: readonly string[]): AnswerError {
  const near = nearest(kind, [...known]);
  const hint = near ? `did you mean ${near}?` : `there are: ${known.join(', ')}`;
  return new AnswerError('not-found', `there is no kind ${JSON.stringify(kind)}`, hint);
}
