/** The deadlines of a schedule. Pure: those that the context says, and the lengths of the others. */
import type { ScheduleContext } from '../src/domain/schedule-context.ts';

/** How long a visit may be carried out before it is asked for anew, and the wait before that. */
const firingMs = 600_000;
const backoffMs = 10_000;

/** The absolute time of a deadline that the context says, in milliseconds since the epoch; null where none is set. */
export function scheduleDeadlineAt(name: string, { next, pause, drain }: ScheduleContext): number | null | undefined {
  if (name === 'next') return next;
  if (name === 'until') return pause?.until ?? null;
  if (name === 'drain') return drain?.deadline ?? null;
  return undefined;
}

/** Length of the others, in milliseconds. */
export function scheduleDeadlineMs(name: string): number | undefined {
  if (name === 'firing') return firingMs;
  return name === 'backoff' ? backoffMs : undefined;
}
