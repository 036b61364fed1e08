/**
 * What a schedule asks of the world: typed holes that `src/actors` fills. Each is idempotent: a restored schedule asks
 * again for what its state asks for.
 */
import type { ScheduleContext, StartedRun } from '../src/domain/schedule-context.ts';
import type { VisitOutcome } from '../src/domain/visit-outcome.ts';
import { hole } from './hole.ts';

export interface FireInput {
  /** `<schedule>--<plan>:<the visit's end>`: what is asked again under one key happens once. */
  key: string;
  schedule: ScheduleContext;
}

export interface FollowInput {
  schedule: ScheduleContext;
  current: StartedRun | null;
}

export const scheduleEffects = {
  /**
   * Looks whether the current run is over, decides the visit by `decideVisit` and carries it out, oldest tick first: each
   * fate is stored, the run of `start` made (or found, by its id) before its own, all before this resolves with
   * `outcomeOf`. Tries until its signal is aborted.
   */
  fire: hole<VisitOutcome, FireInput>('fire'),
  /** Resolves when the current run is final; never where there is none. */
  follow: hole<void, FollowInput>('follow'),
};

export function fireInput({ context }: { context: ScheduleContext }): FireInput {
  const { schedule, plan, visit, tickedThrough } = context;
  return { key: `${schedule}--${plan}:${visit?.through ?? tickedThrough}`, schedule: context };
}

export function followInput({ context }: { context: ScheduleContext }): FollowInput {
  return { schedule: context, current: context.current };
}
