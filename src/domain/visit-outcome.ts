/** What a visit came to, once its run is made and its fates are stored: what the schedule's actor is told. Pure. */
import type { TickFate } from './fate.ts';
import type { Blocked, ScheduleContext, StartedRun, Turn } from './schedule-context.ts';
import type { Busy, Decided, Decision, Known } from './tick-decision.ts';

export interface VisitOutcome {
  /** The run that goes now: the one that was started, or the previous one while it is not final; else null. */
  current: StartedRun | null;
  /** What stands in the way of a turn that waits or was skipped; null where nothing does. */
  blocked: Blocked | null;
  backlog: number[];
  queued: Turn | null;
  /** The fate that was told last; null where the visit had none to tell. */
  lastFate: TickFate | null;
}

/**
 * The outcome of a decision. `made` is the state of the run of its `start` and what that waits for; null where there is
 * none, or it was refused. `told` are the fates as they were stored.
 */
export function outcomeOf(
  context: ScheduleContext,
  known: Known,
  decision: Decision,
  made: Pick<Busy, 'state' | 'why'> | null,
  told: readonly TickFate[],
): VisitOutcome {
  const { backlog, queued, start } = decision;
  const kind = context.document.task;
  const started = made && start && { run: start.run, kind, tick: start.tick };
  const current = started ?? (known.busy && context.current);
  const inTheWay = known.busy ?? (made && started && { ...started, ...made });
  const isContested =
    queued !== null ||
    backlog.length > 0 ||
    decision.fates.some(({ fate }) => fate === 'skipped-overlap') ||
    (current !== null && context.blocked?.run === current.run);
  const since = new Date(context.visit?.at ?? 0).toISOString();
  const blocked = inTheWay && isContested ? blockedBy(inTheWay, since) : null;
  return { current, blocked, backlog, queued, lastFate: told.at(-1) ?? null };
}

/** A decided fate as it is stored. */
export function fateOf({ schedule, plan, visit }: ScheduleContext, { tick, fate, reason, run }: Decided): TickFate {
  const at = new Date(visit?.at ?? tick).toISOString();
  return { schedule, plan, tick: new Date(tick).toISOString(), fate, reason, run, at };
}

/** The fate of a tick whose run was refused, as where its plan is paused or gone: `why` says so in words. */
export function refusedStart({ tick }: Turn, why: string): Decided {
  return { tick, fate: 'missed', reason: `its run could not be started: ${why}`, run: null };
}

function blockedBy({ run, kind, state, why }: Busy, since: string): Blocked {
  return { run, kind, state, since, why };
}
