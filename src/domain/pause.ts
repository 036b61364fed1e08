/** A plan that is paused: nothing starts a backup of it until the pause is over. It stands beside the plan, not in it. */
import { z } from 'zod';
import { parseDuration } from '../core/durations.ts';

export interface Pause {
  /** When it ends by itself (RFC 3339); null where somebody has to end it. */
  until: string | null;
  /** A person's words. */
  note: string | null;
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** A moment as people name it: a time, or how long from now. */
export const untilText = z
  .string()
  .refine(
    text => untilMs(text, 0) !== undefined,
    'is neither a time nor a duration; write for example 2026-05-01T06:00:00Z, 12h or 3d',
  );

/** The moment in milliseconds since the epoch, where `nowMs` is now; undefined for what names none. */
export function untilMs(text: string, nowMs: number): number | undefined {
  const durationMs = parseDuration(text);
  if (durationMs !== undefined) return nowMs + durationMs;
  const timeMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** The pause as it holds now: null where there is none, or it is over. */
export function pauseNow(pause: Pause | null, nowMs: number): Pause | null {
  return pause && (pause.until === null || Date.parse(pause.until) > nowMs) ? pause : null;
}
