/** The next ticks of a schedule as `schedule.preview` shows them: with the local time, and a word where clocks change. Pure. */
import { fitsCron } from './cron.ts';
import { spreadOffsetMs, type Timing, ticksBetween } from './ticks.ts';

export interface PreviewedTick {
  /** RFC 3339, UTC. */
  at: string;
  /** The same on the clocks of the schedule's zone, as `2026-03-29 03:00:00 +02:00`. */
  local: string;
  /** What the clocks do to it; null on all other days. */
  note: string | null;
}

/** The first `count` ticks after `afterMs` for a plan; without one, as they come before the spread. */
export function previewOf(schedule: Timing, plan: string | null, afterMs: number, count: number): PreviewedTick[] {
  const { spread: _, ...unspread } = schedule;
  const timing = plan === null ? unspread : schedule;
  const offsetMs = plan === null ? 0 : spreadOffsetMs(schedule, plan);
  const zone = schedule.timezone ?? 'UTC';
  const { ticks } = ticksBetween(timing, plan ?? '', afterMs, Number.POSITIVE_INFINITY, count);
  return ticks.map(tick => ({
    at: new Date(tick).toISOString(),
    local: localText(tick, zone),
    note: schedule.cron === undefined ? null : noteOf(schedule.cron, zone, tick - offsetMs),
  }));
}

/** The most that clocks are put back or forward at once. */
const changeMaxMs = 3 * 3_600_000;

/** What the clocks do to a time at which the pattern comes. */
function noteOf(cron: string, zone: string, atMs: number): string | null {
  const time = localText(atMs, zone).slice(11, 16);
  if (!fitsCron(cron, zone, atMs)) {
    const before = localText(atMs, zone, offsetMsAt(atMs - 1_000, zone)).slice(11, 16);
    return `the clocks go forward from ${before} to ${time}: what names a time between runs at ${time}`;
  }
  const offsetMs = offsetMsAt(atMs, zone);
  const earlierMs = atMs - (offsetMsAt(atMs - changeMaxMs, zone) - offsetMs);
  if (earlierMs < atMs && localText(earlierMs, zone).slice(0, 19) === localText(atMs, zone).slice(0, 19))
    return `the clocks went back: it is ${time} for the second time`;
  const laterMs = atMs + (offsetMs - offsetMsAt(atMs + changeMaxMs, zone));
  if (laterMs > atMs && localText(laterMs, zone).slice(0, 19) === localText(atMs, zone).slice(0, 19))
    return `the clocks go back: it is ${time} for the first time of two`;
  return null;
}

function localText(atMs: number, zone: string, offsetMs = offsetMsAt(atMs, zone)): string {
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const two = (value: number) => String(value).padStart(2, '0');
  const offset = `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${new Date(atMs + offsetMs).toISOString().slice(0, 19).replace('T', ' ')} ${offset}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the clocks of a zone are ahead of UTC at that moment. */
function offsetMsAt(atMs: number, timeZone: string): number {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, format);
  const name = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /GMT([+-])(\d+):(\d+)(?::(\d+))?/.exec(name) ?? [];
  const lengthMs = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return sign === '-' ? -lengthMs : lengthMs;
}
