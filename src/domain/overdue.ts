/**
 * Whether a plan is overdue: its newest complete backup, or its last drill that succeeded, is older than its objective
 * allows, or drains cancelled the last five of its backups, which a plan without an objective would never tell. Pure.
 */
import { formatDuration } from '../core/durations.ts';
import type { CatalogEntry } from './catalog.ts';
import type { Plan } from './plan.ts';
import { durationMs } from './quantities.ts';
import type { RunContext } from './run.ts';

export interface Overdue {
  /** When its last complete backup was made (RFC 3339); null where it has none. */
  since: string | null;
  /** For people; the same as long as it is overdue for the same reason. */
  why: string;
  /** What of it is: its backups, its drills, or both. */
  of: ('backup' | 'drill')[];
}

/** A backup that is over, and how it ended. */
export type EndedRun = Pick<RunContext, 'id' | 'plan' | 'ending' | 'reason' | 'endedAt'>;

/** What is known of the backups of a plan. */
export interface BackupsOfPlan {
  /** When its newest complete backup was made; null where it has none. */
  completedAt: string | null;
  /** When a drill last brought a backup of it back; null where none did. */
  drilledAt: string | null;
  /** Its last backups that are over, newest first. */
  last: readonly Pick<EndedRun, 'ending' | 'reason' | 'endedAt'>[];
}

/** How many drains in a row make a plan overdue. */
export const drainsMax = 5;

/** Why the plan is overdue at that moment; null where it is not. */
export function overdueOf(
  plan: Pick<Plan, 'objective'>,
  { completedAt, drilledAt, last }: BackupsOfPlan,
  nowMs: number,
): Overdue | null {
  const { maxAge, drillEvery } = plan.objective ?? {};
  const isOld = maxAge !== undefined && nowMs > backupDueAtMs(plan, completedAt);
  const isUntried = drillEvery !== undefined && nowMs > drillDueAtMs(plan, { completedAt, drilledAt });
  const ofBackups = [
    ...(isOld && completedAt === null ? [`it has no complete backup yet, and its maxAge is ${textOf(maxAge)}`] : []),
    ...(isOld && completedAt !== null
      ? [`its last complete backup is older than its maxAge of ${textOf(maxAge)}`]
      : []),
    ...(isDrained(last, completedAt) ? [`its last ${drainsMax} backups were each cancelled by a drain`] : []),
  ];
  const ofDrills = [
    ...(isUntried && drilledAt === null
      ? [`no drill has brought a backup of it back yet, and its drillEvery is ${textOf(drillEvery)}`]
      : []),
    ...(isUntried && drilledAt !== null
      ? [`its last drill that succeeded is older than its drillEvery of ${textOf(drillEvery)}`]
      : []),
  ];
  const why = [...ofBackups, ...ofDrills];
  if (why.length === 0) return null;
  const of = [...(ofBackups.length > 0 ? ['backup' as const] : []), ...(ofDrills.length > 0 ? ['drill' as const] : [])];
  return { since: completedAt, why: why.join('; '), of };
}

/** The next moment after which a plan is overdue by an age, in milliseconds since the epoch: infinite where it has no objective. */
export function dueAtMs(
  plan: Pick<Plan, 'objective'>,
  known: Pick<BackupsOfPlan, 'completedAt' | 'drilledAt'>,
): number {
  return Math.min(backupDueAtMs(plan, known.completedAt), drillDueAtMs(plan, known));
}

/** A plan without a complete backup has nothing to try: its `maxAge` tells that. */
function drillDueAtMs(
  { objective }: Pick<Plan, 'objective'>,
  { completedAt, drilledAt }: Pick<BackupsOfPlan, 'completedAt' | 'drilledAt'>,
): number {
  if (objective?.drillEvery === undefined || completedAt === null) return Number.POSITIVE_INFINITY;
  return drilledAt === null ? Number.NEGATIVE_INFINITY : Date.parse(drilledAt) + durationMs(objective.drillEvery);
}

function backupDueAtMs({ objective }: Pick<Plan, 'objective'>, completedAt: string | null): number {
  if (objective?.maxAge === undefined) return Number.POSITIVE_INFINITY;
  return completedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(completedAt) + durationMs(objective.maxAge);
}

/** When the newest complete backup of each plan was made. One that is partial lacks something, and does not count. */
export function newestComplete(
  entries: readonly Pick<CatalogEntry, 'plan' | 'outcome' | 'completedAt'>[],
): Map<string, string> {
  const newest = new Map<string, string>();
  for (const { plan, outcome, completedAt } of entries)
    if (outcome === 'completed' && completedAt > (newest.get(plan) ?? '')) newest.set(plan, completedAt);
  return newest;
}

/** The last backups of each plan, newest first, as many as are asked after; a run that comes twice counts once. */
export function lastRuns(ended: readonly EndedRun[]): Map<string, EndedRun[]> {
  const once = [...new Map(ended.map(run => [run.id, run])).values()];
  once.sort((one, other) => ((one.endedAt ?? '') < (other.endedAt ?? '') ? 1 : -1));
  const last = new Map<string, EndedRun[]>();
  for (const { id, plan, ending, reason, endedAt } of once) {
    const known = last.get(plan) ?? [];
    if (known.length < drainsMax) last.set(plan, [...known, { id, plan, ending, reason, endedAt }]);
  }
  return last;
}

/** A run that completed in between ends the row, also when its record has left for the history. */
function isDrained(runs: BackupsOfPlan['last'], completedAt: string | null): boolean {
  const last = runs.filter(({ endedAt }) => (endedAt ?? '') > (completedAt ?? '')).slice(0, drainsMax);
  return (
    last.length === drainsMax &&
    last.every(({ ending, reason }) => ending === 'cancelled' && reason === 'drain-cancelled')
  );
}

function textOf(duration: string): string {
  return formatDuration(durationMs(duration));
}
