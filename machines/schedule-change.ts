/** How the context of a schedule changes: pure functions from a context and a fact to what is different afterwards. */
import type { Schedule } from '../src/domain/schedule.ts';
import type { ScheduleContext, Visit } from '../src/domain/schedule-context.ts';
import { visitMax } from '../src/domain/tick-decision.ts';
import { nextTick, ticksBetween } from '../src/domain/ticks.ts';
import type { VisitOutcome } from '../src/domain/visit-outcome.ts';

export interface ScheduleInput {
  document: Schedule;
  plan: string;
  revision: number;
  /** Milliseconds since the epoch: ticks after it are its own. */
  at: number;
  /** What one that comes back had decided before. */
  tickedThrough?: number | undefined;
}

type Change = Partial<ScheduleContext>;

export function contextOf({ document, plan, revision, at, ...before }: ScheduleInput): ScheduleContext {
  const tickedThrough = Math.max(at, before.tickedThrough ?? 0);
  return {
    schedule: document.name,
    plan,
    document,
    revision,
    tickedThrough,
    next: nextTick(document, plan, tickedThrough),
    visit: null,
    moreDue: false,
    backlog: [],
    queued: null,
    byHand: null,
    current: null,
    blocked: null,
    pause: null,
    lastPause: null,
    change: null,
    retiring: null,
    drain: null,
    ahead: null,
    lastFate: null,
    message: null,
  };
}

/** Begins a visit to what is due at `at`. */
export function visited(context: ScheduleContext, at: number): Change {
  const { covered, through, more } = coverage(context, at);
  const mode: Visit['mode'] = context.retiring !== null ? 'retiring' : context.pause ? 'paused' : 'open';
  const visit: Visit = { at, through, more, continued: context.moreDue, mode, byHand: context.byHand };
  return { ...covered, visit, moreDue: false, byHand: null };
}

/** The ticks to decide: of the old document up to its change, then of the new one. Those of a pause wait for its end. */
function coverage(before: ScheduleContext, at: number): { covered: ScheduleContext; through: number; more: boolean } {
  const covered = { ...before, ...correctedBy(before, at) };
  const { document, plan, tickedThrough, change, retiring, pause } = covered;
  const end = Math.max(tickedThrough, change?.at ?? retiring ?? (pause ? tickedThrough : at));
  const { ticks, more } = ticksBetween(document, plan, tickedThrough, end, visitMax);
  if (ticks.length > 0 || !change) return { covered, through: more ? (ticks.at(-1) as number) : end, more };
  const { document: newer, revision } = change;
  return coverage({ ...covered, document: newer, revision, tickedThrough: end, change: null }, at);
}

/**
 * Where the clock was far ahead and is right again, two ticks or more would pass unseen: then it is set back. What ran
 * early is found by its id and does not run twice.
 */
function correctedBy(context: ScheduleContext, at: number): Change {
  const { document, plan, tickedThrough, ahead } = context;
  const { ticks } = ticksBetween(document, plan, at, tickedThrough, 2);
  if (ticks.length < 2) return {};
  return { tickedThrough: at, ahead: Math.max(ahead ?? 0, tickedThrough) };
}

/** True where the clock was far ahead, so that ticks that are to come count as decided. */
export function isAhead(context: ScheduleContext, at: number): boolean {
  return correctedBy(context, at).tickedThrough !== undefined;
}

/** The visit is over, and what it decided is durable. */
export function fired(context: ScheduleContext, output: VisitOutcome): Change {
  const { visit, document, plan, lastFate } = context;
  const tickedThrough = visit?.through ?? context.tickedThrough;
  const ahead = context.ahead !== null && tickedThrough < context.ahead ? context.ahead : null;
  return {
    ...output,
    lastFate: output.lastFate ?? lastFate,
    blocked: sinceBefore(context, output),
    visit: null,
    moreDue: visit?.more ?? false,
    tickedThrough,
    next: nextTick(document, plan, tickedThrough),
    ahead,
    message: messageOf(output, ahead),
  };
}

function messageOf({ blocked }: VisitOutcome, ahead: number | null): string | null {
  if (blocked) return `${blocked.run} is in the way: ${blocked.why}`;
  if (ahead === null) return null;
  return `the clock was ahead, up to ${new Date(ahead).toISOString()}; what has run by then does not run again`;
}

/** What was in the way before is in the way since then. */
function sinceBefore({ blocked: before }: ScheduleContext, { blocked }: VisitOutcome): ScheduleContext['blocked'] {
  return blocked && before?.run === blocked.run ? { ...blocked, since: before.since } : blocked;
}

/** A pause that is said again keeps its beginning. */
export function paused({ pause }: ScheduleContext, at: number, until: string | null, note: string | null): Change {
  return { pause: { at: pause?.at ?? at, until: until === null ? null : Date.parse(until), note } };
}

export function resumed({ pause }: ScheduleContext, at: number): Change {
  return { pause: null, lastPause: pause && { from: pause.at, to: at } };
}

/** A trigger by hand at its time, which never is that of a tick. */
export function triggered(run: string, at: number): Change {
  return { byHand: { tick: at % 1_000 === 0 ? at + 1 : at, run, byHand: true } };
}

export function changed(document: Schedule, revision: number, at: number): Change {
  return { change: { document, revision, at }, retiring: null };
}

/** Something is left to decide at once: ticks, a trigger, a change, its end, or a turn whose way is free. */
export function isUnsettled(context: ScheduleContext): boolean {
  const { moreDue, change, byHand } = context;
  return moreDue || change !== null || byHand !== null || isEndOpen(context) || mayStart(context);
}

/** Its end was told in a visit: that one left turns waiting, or ticks that came due before the end. */
function isEndOpen({ retiring, next, queued, backlog }: ScheduleContext): boolean {
  if (retiring === null) return false;
  return queued !== null || backlog.length > 0 || (next !== null && next <= retiring);
}

/** A turn waits, and nothing is in its way. */
export function mayStart({ current, pause, queued, backlog }: ScheduleContext): boolean {
  if (current) return false;
  return pause ? queued?.byHand === true : queued !== null || backlog.length > 0;
}
