/**
 * A schedule and one of its plans, as its actor stands: the shape of the context, which is public (WIRE). Times that are
 * numbers are in milliseconds since the epoch.
 */
import type { TickFate } from './fate.ts';
import type { RunKind } from './run.ts';
import type { Schedule } from './schedule.ts';

/** Something that is to run: a tick, or a trigger by hand at its time. */
export interface Turn {
  tick: number;
  /** The id of its run. */
  run: string;
  byHand: boolean;
}

/** A run that this schedule started. */
export interface StartedRun {
  run: string;
  kind: RunKind;
  tick: number;
}

/** What stands in the way of the next turn. */
export interface Blocked {
  run: string;
  kind: RunKind;
  /** The state of that run when it was last looked at. */
  state: string;
  /** Since when it is in the way (RFC 3339). */
  since: string;
  /** In words: what that run waits for, or what went wrong with it. */
  why: string;
}

/**
 * A visit to the ticks that are due. All that decides is written down when it is begun, so that it comes to the same
 * however often it is asked.
 */
export interface Visit {
  /** When it was begun. */
  at: number;
  /** The ticks after `tickedThrough` up to and with this are decided. */
  through: number;
  /** Others are due after them, for the visit that follows at once. */
  more: boolean;
  /** It follows such a one. */
  continued: boolean;
  /** `paused` starts only what was triggered by hand; `retiring` starts nothing, and what waits is cancelled. */
  mode: 'open' | 'paused' | 'retiring';
  /** A trigger by hand that it decides too. */
  byHand: Turn | null;
}

/** The context of a schedule's actor. JSON, and small: a record is at most 32 kB. */
export interface ScheduleContext {
  schedule: string;
  plan: string;
  document: Schedule;
  /** The revision of the document. */
  revision: number;
  /** Every tick up to this time has its fate. It only grows, but where the clock was found far ahead. */
  tickedThrough: number;
  /** The next tick; null where none comes. */
  next: number | null;
  /** What is being decided; it stays until its outcome is known, also over a drain. */
  visit: Visit | null;
  /** The last visit left some that are due. */
  moreDue: boolean;
  /** Missed ticks that run one after another (`onMissed: run-all`), oldest first, at most 100. */
  backlog: number[];
  /** The one turn that waits for the previous run (`overlap: queue-one` and `cancel-previous`). */
  queued: Turn | null;
  /** A trigger by hand for the next visit. */
  byHand: Turn | null;
  /** The last run that it started; null once that is known to be over. */
  current: StartedRun | null;
  blocked: Blocked | null;
  pause: { at: number; until: number | null; note: string | null } | null;
  /** The last pause that is over: why ticks in it were missed. */
  lastPause: { from: number; to: number } | null;
  /** A newer document that holds once the ticks of the old one up to `at` are decided. */
  change: { document: Schedule; revision: number; at: number } | null;
  /** Its schedule or plan is gone since then: it retires once its ticks are decided. */
  retiring: number | null;
  /** Set while its agent drains. */
  drain: { at: number; deadline: number } | null;
  /** Ticks up to this may have run while the clock was ahead. */
  ahead: number | null;
  /** The newest fate of a tick of it. */
  lastFate: TickFate | null;
  /** What went wrong last, in words. */
  message: string | null;
}

/** The context of the record of a schedule's actor, of whose kind its reader is sure. */
export function scheduleContextOf({ context }: { context: object }): ScheduleContext {
  return context as ScheduleContext;
}
