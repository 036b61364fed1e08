/**
 * Cron patterns: five fields, or six with seconds first; croner reads them and says when one comes. Pure functions of
 * time. A pattern is parsed once for all who have it in the same zone.
 *
 * Where clocks change, by what croner does (test/domain/cron.test.ts holds it against an independent calculation):
 * a pattern with fixed hours runs once for a local time that comes twice, the first time; one for every hour (`*`) runs at
 * each. A time that does not exist runs when the clocks have gone forward.
 */
import { Cron } from 'croner';

/** What is wrong with a pattern, in words; undefined where it is sound and comes. */
export function faultOfCron(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/).length;
  if (!cron.startsWith('@') && (fields < 5 || fields > 6))
    return 'is not a cron pattern of five fields, or six with seconds first; write for example "0 1 * * *"';
  try {
    const comes = new Cron(cron, { timezone: 'UTC', paused: true }).nextRun(new Date(0));
    return comes ? undefined : `never comes: no calendar has such a day ("${cron}")`;
  } catch (error) {
    return `is not a cron pattern: ${(error as Error).message.replace(/^CronPattern: /, '')}`;
  }
}

/** True for a time zone that this system knows, such as `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

interface Pattern {
  cron: Cron;
  /** The last answer: the next time after any moment from `after` on is `next`, until that comes. */
  after: number;
  next: number | null;
}

/** How many patterns are kept parsed. */
const patternsMax = 10_000;
const patterns = new Map<string, Pattern>();

/** The first time after `afterMs` at which the pattern comes, in milliseconds since the epoch; null where none does. */
export function nextOfCron(cron: string, timezone: string, afterMs: number): number | null {
  const pattern = patternOf(cron, timezone);
  if (afterMs >= pattern.after && (pattern.next === null || afterMs < pattern.next)) return pattern.next;
  pattern.after = afterMs;
  pattern.next = pattern.cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  return pattern.next;
}

function patternOf(cron: string, timezone: string): Pattern {
  const key = `${timezone} ${cron}`;
  const known = patterns.get(key);
  if (known) return known;
  if (patterns.size >= patternsMax) patterns.clear();
  const made = { cron: new Cron(cron, { timezone, paused: true }), after: Number.POSITIVE_INFINITY, next: null };
  patterns.set(key, made);
  return made;
}
