/**
 * In which order records are taken over: those that are due, or will be before all are there, by their time; behind them the
 * others, as they are stored. What ticks most often was written last, and would come last of a hundred thousand.
 */

import { timeText } from '../../core/time-text.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';

const soonMs = 60_000;

export function dueFirst(stored: readonly StoredRecord[], nowMs: number): StoredRecord[] {
  const soon = timeText(nowMs + soonMs);
  const due: { at: string; one: StoredRecord }[] = [];
  const later: StoredRecord[] = [];
  for (const one of stored) {
    const at = nearestOf(one);
    if (at !== undefined && at < soon) due.push({ at, one });
    else later.push(one);
  }
  due.sort((one, other) => (one.at < other.at ? -1 : Number(one.at > other.at)));
  return [...due.map(({ one }) => one), ...later];
}

/** The nearest of its deadlines. */
function nearestOf({ record: { deadlines } }: StoredRecord): string | undefined {
  let nearest: string | undefined;
  for (const name in deadlines) {
    const at = deadlines[name] as string;
    if (nearest === undefined || at < nearest) nearest = at;
  }
  return nearest;
}
