/** What happens to a schedule: its commands, and the facts that the runtime and whoever binds it tell it. */
import type { DeadlinePassed, Stamped } from '../src/core/machine-spec.ts';
import type { Schedule } from '../src/domain/schedule.ts';
import type { ScheduleCommand } from '../src/domain/schedule-commands.ts';

/** Its document is another now; told again, or of a revision that it has, it changes nothing. */
export interface ScheduleChanged extends Stamped {
  type: 'schedule.changed';
  document: Schedule;
  revision: number;
}
/** Its schedule or its plan is gone, or the selector does not name the plan any more. */
export interface ScheduleRetire extends Stamped {
  type: 'schedule.retire';
  note?: string;
}
/** Its agent drains; it must be released by `deadline` (ms since the epoch). */
export interface ScheduleDrain extends Stamped {
  type: 'schedule.drain';
  deadline: number;
}
/** An agent runs it: the same one after a drain that was taken back, or another. */
export interface AgentReturned extends Stamped {
  type: 'agent.returned';
}

export type ScheduleEvent =
  | (ScheduleCommand & Stamped)
  | DeadlinePassed
  | ScheduleChanged
  | ScheduleRetire
  | ScheduleDrain
  | AgentReturned;

/** The facts that it takes; everything else of its events is a command or the end of an effect. */
export const scheduleFacts = [
  'deadline.passed',
  'schedule.changed',
  'schedule.retire',
  'schedule.drain',
  'agent.returned',
] as const;
