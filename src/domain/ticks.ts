/** When a schedule comes for one of its plans: pure functions of time. Ticks are whole seconds, in milliseconds since the epoch. */
import { createHash } from 'node:crypto';
import { nextOfCron } from './cron.ts';
import { durationMs } from './quantities.ts';
import type { Schedule } from './schedule.ts';

export type Timing = Pick<Schedule, 'name' | 'cron' | 'every' | 'timezone' | 'spread'>;

/** The first tick after `afterMs`; null where none comes. */
export function nextTick(schedule: Timing, plan: string, afterMs: number): number | null {
  return nextOf(schedule, plan)(afterMs);
}

/** The ticks after `fromMs` up to and with `toMs`, oldest first, at most `max`; `more` says that others follow them. */
export function ticksBetween(
  schedule: Timing,
  plan: string,
  fromMs: number,
  toMs: number,
  max: number,
): { ticks: number[]; more: boolean } {
  const ticks: number[] = [];
  if (toMs <= fromMs) return { ticks, more: false };
  const next = nextOf(schedule, plan);
  for (let tick = next(fromMs); tick !== null && tick <= toMs; tick = next(tick)) {
    if (ticks.length === max) return { ticks, more: true };
    ticks.push(tick);
  }
  return { ticks, more: false };
}

/** The offset of a plan: a whole number of seconds below the spread, always the same for a schedule and plan. */
export function spreadOffsetMs({ name, spread }: Pick<Schedule, 'name' | 'spread'>, plan: string): number {
  if (spread === undefined) return 0;
  const seconds = Math.floor(durationMs(spread) / 1_000);
  if (seconds < 2) return 0;
  const hash = createHash('sha256').update(`${name}\0${plan}`).digest();
  return (hash.readUIntBE(0, 6) % seconds) * 1_000;
}

/** What comes after a moment, by a schedule that is read once. */
function nextOf(schedule: Timing, plan: string): (afterMs: number) => number | null {
  const { cron, every, timezone = 'UTC' } = schedule;
  const offsetMs = spreadOffsetMs(schedule, plan);
  if (cron !== undefined)
    return afterMs => {
      const next = nextOfCron(cron, timezone, afterMs - offsetMs);
      return next === null ? null : next + offsetMs;
    };
  if (every === undefined) return () => null;
  const everyMs = durationMs(every);
  return afterMs => (Math.floor((afterMs - offsetMs) / everyMs) + 1) * everyMs + offsetMs;
}
