/** The next ticks of a schedule as people read them: in its zone, with what the change of clocks does to them. Pure. */
import { formatDuration } from '../core/durations.ts';
import { durationMs } from './quantities.ts';
import type { Schedule } from './schedule.ts';
import { nextTick } from './ticks.ts';

export interface PreviewedTick {
  /** RFC 3339. */
  at: string;
  /** The clock on the wall of the schedule's zone, with its offset from UTC. */
  local: string;
  /** What is odd about it; empty where nothing is. */
  note: string;
}

type Previewed = Pick<Schedule, 'name' | 'cron' | 'every' | 'timezone' | 'spread'>;

/**
 * At most `count` ticks after `afterMs`. For a plan they are its own; without one its spread is left out, and told.
 */
export function previewOf(
  schedule: Previewed,
  plan: string | undefined,
  afterMs: number,
  count: number,
): PreviewedTick[] {
  const { spread, ...unspread } = schedule;
  const timing = plan === undefined ? unspread : schedule;
  const zone = schedule.timezone ?? 'UTC';
  const ticks: PreviewedTick[] = [];
  let before = afterMs;
  while (ticks.length < count) {
    const tick = nextTick(timing, plan ?? '', before);
    if (tick === null) break;
    const notes = clockNotes(zone, before, tick);
    if (plan === undefined && spread !== undefined && durationMs(spread) > 1_000)
      notes.push(`each plan up to ${formatDuration(durationMs(spread))} later`);
    ticks.push({ at: new Date(tick).toISOString(), local: localText(zone, tick), note: notes.join('; ') });
    before = tick;
  }
  return ticks;
}

/** No zone changes its clocks by more, and none twice in so short a time. */
const changeMaxMs = 3 * 3_600_000;

function clockNotes(zone: string, before: number, tick: number): string[] {
  const notes: string[] = [];
  const offset = offsetMs(zone, tick);
  const byMs = offset - offsetMs(zone, before);
  if (byMs !== 0)
    notes.push(`the clocks go ${byMs > 0 ? 'forward' : 'back'} by ${formatDuration(Math.abs(byMs))} before it`);
  const laterMs = offset - offsetMs(zone, tick + changeMaxMs);
  if (laterMs > 0 && offsetMs(zone, tick + laterMs) === offset - laterMs)
    notes.push('this local time comes twice; it is the first');
  const earlierMs = offsetMs(zone, tick - changeMaxMs) - offset;
  if (earlierMs > 0 && offsetMs(zone, tick - earlierMs) === offset + earlierMs)
    notes.push('this local time comes twice; it is the second');
  return notes;
}

function localText(zone: string, atMs: number): string {
  const offset = offsetMs(zone, atMs);
  const wall = new Date(atMs + offset).toISOString();
  const minutes = Math.abs(offset) / 60_000;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${wall.slice(0, 10)} ${wall.slice(11, 19)} ${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** How far the clocks of a zone are ahead of UTC at a moment. */
function offsetMs(zone: string, atMs: number): number {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const numbers = {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  } as const;
  const made = new Intl.DateTimeFormat('en', { timeZone, hourCycle: 'h23', calendar: 'gregory', ...numbers });
  formats.set(timeZone, made);
  return made;
}
