/**
 * restic's documented keep rules once more, as plainly as they can be told: by groups of the calendar, not by a walk. What
 * `src/domain/retention.ts` is held against.
 */
import type { Retention } from '../../src/domain/retention.ts';

const unitsMs: Record<string, number> = { h: 3_600_000, d: 86_400_000 };

/** Which of these times (newest first, by their place in the list) the rules keep. */
export function plainlyKept(policy: Retention, times: readonly number[], now: number): Set<number> {
  const kept = new Set<number>();
  if (times.length === 0) return kept;
  const hasRule = Object.values(policy).some(value => value !== 0 && value !== undefined);
  if (!hasRule) return new Set(times.keys());
  const groups: [number | undefined, (time: Date, place: number) => string][] = [
    [policy.keepLast, (_, place) => String(place)],
    [policy.keepHourly, time => [dayOf(time), time.getUTCHours()].join()],
    [policy.keepDaily, dayOf],
    [policy.keepWeekly, mondayOf],
    [policy.keepMonthly, time => [time.getUTCFullYear(), time.getUTCMonth()].join()],
    [policy.keepYearly, time => String(time.getUTCFullYear())],
  ];
  for (const [count = 0, keyOf] of groups) {
    if (count === 0) continue;
    // The newest of each group: the list is in order, so the first that is met.
    const newest = new Map<string, number>();
    for (const [place, atMs] of times.entries()) {
      const key = keyOf(new Date(atMs), place);
      if (!newest.has(key)) newest.set(key, place);
    }
    for (const place of [...newest.values()].slice(0, count)) kept.add(place);
    if (newest.size < count) kept.add(times.length - 1);
  }
  const [, amount = '', unit = ''] = /^(\d+)([hd])$/.exec(policy.keepWithin ?? '') ?? [];
  const latest = times.find(atMs => atMs <= now);
  if (unit !== '' && latest !== undefined)
    for (const [place, atMs] of times.entries())
      if (atMs > latest - Number(amount) * (unitsMs[unit] ?? 0)) kept.add(place);
  return kept;
}

function dayOf(time: Date): string {
  return [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()].join();
}

/** Weeks are told apart by their Mondays. */
function mondayOf(time: Date): string {
  const day = new Date(time);
  while (day.getUTCDay() !== 1) day.setUTCDate(day.getUTCDate() - 1);
  return dayOf(day);
}
