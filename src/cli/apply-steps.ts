/** The steps of `reeve apply`: look at what there is, check all together, put what differs, delete what is not wanted. */
import { AnswerError, isUnavailable } from '../core/answer-error.ts';
import type { Schedule } from '../domain/schedule.ts';
import { warningsOfPlans } from '../domain/schedule-plans.ts';
import { rowsOf } from './answer-rows.ts';
import { documentRows } from './document-rows.ts';
import {
  afterwards,
  type Change,
  changesOf,
  type KeptDocument,
  keptOf,
  kindNames,
  kinds,
  plansIn,
  plansToTry,
  type SetDocument,
  titleOf,
  wrongTogether,
} from './document-set.ts';
import type { Session } from './session.ts';

export interface ApplyOptions {
  dryRun?: boolean;
  prune?: boolean;
  keepBackups?: boolean;
}

/** What became of a document, or would. */
export interface Outcome extends Change {
  /** Null for one that was deleted, and in a dry run for one that is to be created. */
  revision: number | null;
  warnings: string[];
  /** Why one that the set lacks stays; null for all others. */
  left: string | null;
}

/**
 * Makes the cluster hold the set; `tell` gets each outcome as it comes, and hands it back. Where the set is wrong it
 * rejects before anything is put.
 */
export async function applySet(
  session: Session,
  set: SetDocument[],
  options: ApplyOptions,
  tell: (outcome: Outcome) => Outcome,
): Promise<Outcome[]> {
  const { prune = false, dryRun = false } = options;
  const kept = await documentsKept(session);
  const after = afterwards(set, kept, prune);
  const wrong = wrongTogether(after, kept);
  if (wrong.length > 0) throw invalidSet(wrong);
  const warnings = await tryOut(session, after, kept);
  const changes = changesOf(set, kept, prune);
  const revisions = new Map(kept.map(each => [titleOf(each), each.revision]));
  const outcomes = changes.map(
    (change): Outcome => ({
      ...change,
      revision: revisions.get(titleOf(change)) ?? null,
      warnings: warnings.get(titleOf(change)) ?? [],
      left: null,
    }),
  );
  if (dryRun) {
    const tried: Outcome[] = [];
    for (const outcome of outcomes) tried.push(tell(await wouldBe(session, outcome, options)));
    return tried;
  }
  const puts = await putAll(session, set, outcomes.filter(isPut), tell);
  const deleted: Outcome[] = [];
  for (const outcome of outcomes.filter(each => !isPut(each)))
    deleted.push(tell(await remove(session, outcome, options)));
  return [...puts, ...deleted];
}

/** All that there is. When the cluster is away, says that only what the documents hold by themselves was checked. */
async function documentsKept(session: Session): Promise<KeptDocument[]> {
  const kept: KeptDocument[] = [];
  try {
    for (const kind of kindNames) {
      kept.push(...(await documentRows(session, kind)).map(row => keptOf(kind, row)));
    }
  } catch (error) {
    if (isUnavailable(error))
      session.say('the documents are right by themselves; whether the cluster would take them is not known');
    throw error;
  }
  return kept;
}

/**
 * Asks the agents whether they would take what there will be; resolves with their warnings, rejects with a refusal. A plan
 * that stays as it is and whose agents are away is only warned of: a host that is away keeps nobody from the other plans.
 */
async function tryOut(session: Session, after: SetDocument[], kept: KeptDocument[]): Promise<Map<string, string[]>> {
  const warnings = new Map<string, string[]>();
  for (const { plan, defaults, stays } of plansToTry(after, kept)) {
    const title = `plan ${plan.name}`;
    const answer = await session.request('plan.put', { ...plan, dryRun: true, defaults }).catch((error: unknown) => {
      if (!(error instanceof AnswerError)) throw error;
      const { code, message, hint } = error;
      if (stays && code === 'unavailable') return { warnings: [`it stays as it is, and was not checked: ${message}`] };
      throw new AnswerError(code, message.includes(title) ? message : `${title}: ${message}`, hint, { cause: error });
    });
    warnings.set(title, Array.isArray(answer.warnings) ? answer.warnings.map(String) : []);
  }
  const plans = plansIn(after);
  for (const { kind, name, body } of after)
    if (kind === 'Schedule') warnings.set(`schedule ${name}`, warningsOfPlans(body as Schedule, plans));
  return warnings;
}

/**
 * Puts what is new or changed. Of documents that need one another none can be the first for certain, such as a plan that
 * loses what its Defaults come to give, and one that gets what they lose: who is refused is tried again after the others.
 */
async function putAll(
  session: Session,
  set: readonly SetDocument[],
  outcomes: readonly Outcome[],
  tell: (outcome: Outcome) => Outcome,
): Promise<Outcome[]> {
  const bodies = new Map(set.map(each => [titleOf(each), each.body]));
  const done: Outcome[] = [];
  let left = [...outcomes];
  while (left.length > 0) {
    const refused: Outcome[] = [];
    let first: AnswerError | undefined;
    for (const outcome of left) {
      if (outcome.change === 'unchanged') {
        done.push(tell(outcome));
        continue;
      }
      try {
        const answer = await session.request(`${kinds[outcome.kind].noun}.put`, bodies.get(titleOf(outcome)));
        done.push(tell({ ...outcome, revision: Number(answer.revision) }));
      } catch (error) {
        if (!(error instanceof AnswerError && error.code === 'invalid')) throw error;
        first ??= error;
        refused.push(outcome);
      }
    }
    if (first && refused.length === left.length) throw first;
    left = refused;
  }
  return done;
}

async function remove(session: Session, outcome: Outcome, { keepBackups = false }: ApplyOptions): Promise<Outcome> {
  const { kind, name } = outcome;
  try {
    await session.request(`${kinds[kind].noun}.delete`, {
      name,
      ...(kind === 'Plan' && keepBackups && { keepBackups }),
    });
    return { ...outcome, revision: null };
  } catch (error) {
    if (error instanceof AnswerError && ['conflict', 'invalid', 'refused'].includes(error.code))
      return { ...outcome, left: error.message };
    throw error;
  }
}

/** A dry run tells of a plan that is to be deleted whether its backups keep it. */
async function wouldBe(session: Session, outcome: Outcome, { keepBackups = false }: ApplyOptions): Promise<Outcome> {
  if (outcome.change !== 'delete' || outcome.kind !== 'Plan' || keepBackups) return outcome;
  const backups = rowsOf((await session.request('catalog.list', { plan: outcome.name })).backups);
  if (backups.length === 0) return outcome;
  return {
    ...outcome,
    left: `plan ${outcome.name} cannot be deleted: ${backups.length} of its backups can be restored`,
  };
}

function isPut({ change }: Change): boolean {
  return change !== 'delete';
}

export function invalidSet(wrong: readonly string[]): AnswerError {
  return new AnswerError('invalid', wrong.join('; '), 'nothing was applied');
}
