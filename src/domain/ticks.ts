/** When a schedule comes for one of its plans: pure functions of time. Ticks are whole seconds, in milliseconds since the epoch. */
import { createHash } from 'node:crypto';
import { nextOfCron } from './cron.ts';
import { durationMs } from './quantities.ts';
import type { Schedule } from './schedule.ts';

export type Timing = Pick<Schedule, 'name' | 'cron' | 'every' | 'timezone' | 'spread'>;

/** The first tick after `afterMs`; null where none comes. */
export function nextTick(schedule: Timing, plan: string, afterMs: number): number | null {
  const offsetMs = spreadOffsetMs(schedule, plan);
  const next = nextUnspread(schedule, afterMs - offsetMs);
  return next === null ? null : next + offsetMs;
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
  for (let tick = nextTick(schedule, plan, fromMs); tick !== null && tick <= toMs; ) {
    if (ticks.length === max) return { ticks, more: true };
    ticks.push(tick);
    tick = nextTick(schedule, plan, tick);
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

function nextUnspread({ cron, every, timezone }: Timing, afterMs: number): number | null {
  if (cron !== undefined) return nextOfCron(cron, timezone ?? 'UTC', afterMs);
  if (every === undefined) return null;
  const everyMs = durationMs(every);
  return (Math.floor(afterMs / everyMs) + 1) * everyMs;
}
