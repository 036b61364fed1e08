/** Moments of the past as people name them: a day, a time, or how long ago. */
import { z } from 'zod';
import { parseDuration } from '../core/durations.ts';

const timePattern = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

export const momentText = z
  .string()
  .refine(
    text => momentMs(text, 0) !== undefined,
    'is neither a time nor a duration; write for example 2026-05-01, 2026-05-01T06:00:00Z, 12h or 3d (ago)',
  );

/** Milliseconds since the epoch, where `nowMs` is now; a day begins at midnight in UTC. Undefined for what names none. */
export function momentMs(text: string, nowMs: number): number | undefined {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return nowMs - agoMs;
  const timeMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
