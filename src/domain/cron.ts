/**
 * Cron patterns: five fields, or six with seconds first; croner reads them and says when one comes. Pure functions of
 * time; a pattern is parsed once for all who have it in the same zone.
 *
 * Where clocks change, as cron of old does it:
 *
 * 1. A pattern without `*` and steps in its hours and minutes names times of day, and each runs once a day: one that comes
 *    twice runs the first time, one that does not exist runs when the clocks have gone forward.
 * 2. Any other pattern runs at every moment whose local time fits, also at both of two that look alike.
 */
import { Cron } from 'croner';

/** What is wrong with a pattern, in words; undefined where it is sound and comes. */
export function faultOfCron(text: string): string | undefined {
  const fields = text.trim().split(/\s+/).length;
  if (!text.startsWith('@') && (fields < 5 || fields > 6))
    return 'is not a cron pattern of five fields, or six with seconds first; write for example "0 1 * * *"';
  try {
    if (cronOf(text, 'UTC').nextRun(new Date(0))) return undefined;
    return `never comes: no year has the day that "${text}" names`;
  } catch (error) {
    return `is not a cron pattern: ${(error as Error).message.replace(/^CronPattern: /, '')}`;
  }
}

/** True for a time zone that this system knows, such as `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}

interface Pattern {
  cron: Cron;
  /** The last two: a schedule asks for the tick that is due and for the one behind it, in turn. */
  answers: [Answer, Answer];
}

/** `next` is the first after `after`, so also after any moment between them. */
interface Answer {
  after: number;
  next: number | null;
}

const noAnswer: Answer = { after: Number.POSITIVE_INFINITY, next: null };

/** How many patterns are kept parsed: one takes croner 80 kB. */
const patternsMax = 256;
const patterns = new Map<string, Pattern>();

/** The first time after `afterMs` at which the pattern comes, in milliseconds since the epoch; null where none does. */
export function nextOfCron(text: string, zone: string, afterMs: number): number | null {
  const pattern = patternOf(text, zone);
  const [last, before] = pattern.answers;
  if (isFor(last, afterMs)) return last.next;
  if (isFor(before, afterMs)) {
    pattern.answers = [before, last];
    return before.next;
  }
  const next = pattern.cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  pattern.answers = [{ after: afterMs, next }, last];
  return next;
}

function isFor({ after, next }: Answer, afterMs: number): boolean {
  return afterMs >= after && (next === null || afterMs < next);
}

function patternOf(text: string, zone: string): Pattern {
  const key = `${zone} ${text}`;
  const known = patterns.get(key);
  if (known) return known;
  if (patterns.size >= patternsMax) patterns.delete(patterns.keys().next().value as string);
  const made: Pattern = { cron: cronOf(text, zone), answers: [noAnswer, noAnswer] };
  patterns.set(key, made);
  return made;
}

function cronOf(text: string, zone: string): Cron {
  return new Cron(text, { timezone: zone, paused: true, fixedTimeRule: 'no-wildcard' });
}
