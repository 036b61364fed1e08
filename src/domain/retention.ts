/**
 * Retention: which backups of a plan stay, and why. Pure. The keep rules are those of restic's `forget`, in UTC:
 *
 * 1. `keepHourly` to `keepYearly`: for each of the last n hours (ISO weeks, years) that have a backup, the newest of it;
 *    where fewer have one, also the oldest backup. `keepWithin` counts from the newest complete backup, not from now.
 * 2. Only complete backups count for them. Partial ones never take the place of one: they are judged by the same rules in
 *    a list of their own, and go at the latest with the last complete one that is older.
 * 3. Whatever the rules say these stay: the newest complete backup, the newest one of all, locked ones, as many complete
 *    ones as `minimumRedundancy` says, and with a `recoveryWindow` all in it and the last complete one before it.
 * 4. Without a rule nothing goes. Nothing goes either while the source has shrunk since the newest complete backup.
 */
import { z } from 'zod';
import { type CatalogEntry, isLocked } from './catalog.ts';
import { durationMs, durationText } from './quantities.ts';

const count = z.int().min(0).max(100_000).optional();

/** A count of 0 is as if it were not there. */
export const retentionSchema = z.strictObject({
  keepLast: count,
  keepHourly: count,
  keepDaily: count,
  keepWeekly: count,
  keepMonthly: count,
  keepYearly: count,
  keepWithin: durationText.optional(),
  recoveryWindow: durationText.optional(),
  minimumRedundancy: z.int().min(1).max(100_000).optional(),
  /** How long the records of runs that failed stay. */
  failedFor: durationText.optional(),
  apply: z
    .literal('after-backup', 'must be after-backup; a schedule of the task prune, and reeve prune, prune beside it')
    .optional(),
});

export type Retention = z.infer<typeof retentionSchema>;

/** What is looked at of a backup. */
export type RetainedBackup = Pick<
  CatalogEntry,
  'id' | 'outcome' | 'completedAt' | 'locked' | 'lock' | 'deleting' | 'reason'
>;

export interface Decision {
  id: string;
  keep: boolean;
  /** In words; of one that goes, why nothing keeps it. */
  reasons: string[];
}

/** Judges all backups of one plan; newest first. */
export function decide(policy: Retention | undefined, backups: readonly RetainedBackup[], nowMs: number): Decision[] {
  const all = [...backups].sort(newestFirst);
  const living = all.filter(({ deleting }) => !deleting);
  const kept = keptBy(policy, living, nowMs);
  return all.map(({ id, deleting, outcome }) => {
    const reasons = kept.get(id);
    if (reasons) return { id, keep: true, reasons };
    const why = deleting
      ? 'being deleted already'
      : `no rule keeps ${outcome === 'partial' ? 'this partial one' : 'it'}`;
    return { id, keep: false, reasons: [why] };
  });
}

/** True where a rule says what stays, so that the rest may go. */
export function hasRule(policy: Retention | undefined): policy is Retention {
  if (!policy) return false;
  const { keepLast = 0, keepWithin, recoveryWindow } = policy;
  const hasWindow = keepWithin !== undefined || recoveryWindow !== undefined;
  return keepLast > 0 || hasWindow || buckets.some(({ rule }) => (policy[rule] ?? 0) > 0);
}

type Kept = Map<string, string[]>;

function keptBy(policy: Retention | undefined, living: readonly RetainedBackup[], nowMs: number): Kept {
  const standing = hasRule(policy) ? standstillOf(living) : `the plan has no ${policy ? 'keep rule' : 'retention'}`;
  const kept: Kept = new Map();
  const keep = ({ id }: RetainedBackup, reason: string) => kept.set(id, [...(kept.get(id) ?? []), reason]);
  for (const backup of living) if (isLocked(backup, nowMs)) keep(backup, lockedText(backup));
  const complete = living.filter(isComplete);
  const [newest] = complete;
  if (newest) keep(newest, 'newest complete backup');
  if (living[0] && living[0] !== newest) keep(living[0], 'newest backup');
  if (standing !== undefined || !hasRule(policy)) {
    for (const backup of living) keep(backup, standing ?? '');
    return kept;
  }
  const from = complete.length > 0 ? complete : living;
  const latestMs = Math.max(...from.map(timeOf).filter(atMs => atMs <= nowMs));
  for (const [backup, reason] of ruled(policy, complete, latestMs, nowMs)) keep(backup, reason);
  for (const [backup, reason] of baseOfWindow(policy, complete, nowMs)) keep(backup, reason);
  const { minimumRedundancy = 1 } = policy;
  let missing = minimumRedundancy - complete.filter(({ id }) => kept.has(id)).length;
  for (const backup of complete)
    if (missing > 0 && !kept.has(backup.id)) {
      keep(backup, `minimum redundancy ${minimumRedundancy}`);
      missing -= 1;
    }
  const oldest = complete.findLast(({ id }) => kept.has(id));
  const partial = living.filter(backup => !isComplete(backup) && (!oldest || newestFirst(backup, oldest) < 0));
  for (const [backup, reason] of ruled(policy, partial, latestMs, nowMs)) keep(backup, `partial: ${reason}`);
  return kept;
}

/** Why nothing of a plan with these backups may go now; undefined where nothing stands in the way. */
export function standstillOf(backups: readonly RetainedBackup[]): string | undefined {
  const living = backups.filter(({ deleting }) => !deleting).sort(newestFirst);
  const newest = living.findIndex(isComplete);
  const since = newest < 0 ? living : living.slice(0, newest);
  const shrunk = since.find(({ reason }) => reason === 'source-shrunk');
  return shrunk && `retention stands still: the source had shrunk in backup ${shrunk.id}`;
}

/** What the rules keep of a list, newest first, each with the rule. */
function* ruled(
  policy: Retention,
  list: readonly RetainedBackup[],
  latestMs: number,
  nowMs: number,
): Generator<[RetainedBackup, string]> {
  const { keepWithin, recoveryWindow } = policy;
  for (const backup of list) {
    if (keepWithin !== undefined && timeOf(backup) > latestMs - durationMs(keepWithin))
      yield [backup, `within ${keepWithin}`];
    if (recoveryWindow !== undefined && timeOf(backup) > nowMs - durationMs(recoveryWindow))
      yield [backup, `within recovery window ${recoveryWindow}`];
  }
  for (const backup of list.slice(0, policy.keepLast ?? 0)) yield [backup, `last ${policy.keepLast}`];
  for (const { rule, name, bucketOf } of buckets) {
    let left = policy[rule] ?? 0;
    let last: string | undefined;
    for (const [index, backup] of list.entries()) {
      if (left === 0) break;
      const bucket = bucketOf(new Date(timeOf(backup)));
      const isNewest = bucket !== last;
      if (!isNewest && index < list.length - 1) continue;
      yield [backup, isNewest ? `${name} ${bucket}` : `oldest, ${name} ${bucket}`];
      last = bucket;
      left -= 1;
    }
  }
}

/** A recovery to the first moment of the window begins with the last complete backup before it. */
function* baseOfWindow(
  { recoveryWindow }: Retention,
  complete: readonly RetainedBackup[],
  nowMs: number,
): Generator<[RetainedBackup, string]> {
  if (recoveryWindow === undefined) return;
  const base = complete.find(backup => timeOf(backup) <= nowMs - durationMs(recoveryWindow));
  if (base) yield [base, `base of recovery window ${recoveryWindow}`];
}

interface Bucket {
  rule: 'keepHourly' | 'keepDaily' | 'keepWeekly' | 'keepMonthly' | 'keepYearly';
  name: string;
  bucketOf: (time: Date) => string;
}

const buckets: readonly Bucket[] = [
  { rule: 'keepHourly', name: 'hourly', bucketOf: time => time.toISOString().slice(0, 13) },
  { rule: 'keepDaily', name: 'daily', bucketOf: time => time.toISOString().slice(0, 10) },
  { rule: 'keepWeekly', name: 'weekly', bucketOf: isoWeekOf },
  { rule: 'keepMonthly', name: 'monthly', bucketOf: time => time.toISOString().slice(0, 7) },
  { rule: 'keepYearly', name: 'yearly', bucketOf: time => time.toISOString().slice(0, 4) },
];

const dayMs = 86_400_000;

/** Such as `2026-W09`: weeks begin on Monday, and belong to the year that their Thursday is in. */
function isoWeekOf(time: Date): string {
  const thursdayMs = time.getTime() + (4 - (time.getUTCDay() || 7)) * dayMs;
  const year = new Date(thursdayMs).getUTCFullYear();
  const week = Math.floor((thursdayMs - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

function isComplete({ outcome }: RetainedBackup): boolean {
  return outcome === 'completed';
}

function timeOf({ completedAt }: RetainedBackup): number {
  return Date.parse(completedAt);
}

function newestFirst(one: RetainedBackup, other: RetainedBackup): number {
  return timeOf(other) - timeOf(one) || (one.id < other.id ? 1 : -1);
}

function lockedText({ lock }: RetainedBackup): string {
  const until = lock?.until == null ? '' : ` until ${lock.until}`;
  return `locked${until}${lock?.note ? `: ${lock.note}` : ''}`;
}
