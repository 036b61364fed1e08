/**
 * What an agent tells: of its backups, plans and schedules beside what its runtime tells. An observer must not throw and
 * must not wait.
 */
import type { Dated, OfActor, RuntimeFact } from '../core/runtime-facts.ts';

export type Observer = (fact: Fact) => void;

/** What an agent that came back found of an engine that it had left running. */
export interface EngineReattached extends OfActor {
  fact: 'engine.reattached';
  found: 'alive' | 'ended' | 'gone' | 'rebooted';
}

/** A hook of a run failed; `when` is `before` or `finally`. */
export interface HookFailed extends OfActor {
  fact: 'hook.failed';
  hook: string;
  when: string;
  message: string;
}

/** A run has used most of the time that its plan gives it. */
export interface RunSlow extends OfActor {
  fact: 'run.slow';
  plan: string;
  transferringMs: number;
  deadlineMs: number;
  /** What the last runs of the plan that succeeded took, newest first; null where that cannot be read now. */
  lastMs: number[] | null;
}

/** A ping of a run was given up; `ping` is its name in the agent's file. */
export interface PingFailed extends OfActor {
  fact: 'ping.failed';
  ping: string;
  message: string;
}

/** The newest complete backup of a plan of this agent: told when the plan comes to be its, and whenever it is another. */
export interface PlanNewest extends Dated {
  fact: 'plan.newest';
  plan: string;
  since: string | null;
}

/** A plan is this agent's no more, or was deleted. */
export interface PlanGone extends Dated {
  fact: 'plan.gone';
  plan: string;
}

/** A plan came to be overdue, or is so for another reason than before. `since` is its last complete backup; null for none. */
export interface PlanOverdue extends Dated {
  fact: 'plan.overdue';
  plan: string;
  since: string | null;
  why: string;
  /** What of it is overdue: `backup`, `drill`, or both. */
  of: readonly string[];
}

/** A plan that was told to be overdue is so no more. */
export interface PlanOnTime extends Dated {
  fact: 'plan.on-time';
  plan: string;
  since: string | null;
}

/** A drill is over; `ending` is its final state. */
export interface DrillEnded extends OfActor {
  fact: 'drill.ended';
  plan: string;
  /** The backup that it restored. */
  backup: string;
  ending: string;
  reason: string | null;
  message: string | null;
}

/**
 * A run of this agent was ended by another while this one was away: what is left of it here is stopped and removed.
 * `state` is how it ended, `pids` are the processes that were found.
 */
export interface RunGivenUp extends OfActor {
  fact: 'run.given-up';
  by: string;
  state: string;
  pids: readonly number[];
}

/** The sweeper removed what a crash had left; `where` is a path, or a repository as plans name it. */
export interface SweepRemoved extends Dated {
  fact: 'sweep.removed';
  what: string;
  where: string;
  why: string;
}

/** The sweeper left what it found, for nobody can tell whose it is, or it cannot be removed now. */
export interface SweepLeft extends Dated {
  fact: 'sweep.left';
  what: string;
  where: string;
  why: string;
}

/** A schedule cannot run its ticks: the run of an earlier one is not over. `state` is that run's, `since` when it began. */
export interface ScheduleBlocked extends Dated {
  fact: 'schedule.blocked';
  schedule: string;
  plan: string;
  run: string;
  state: string;
  since: string;
  why: string;
}

/** A schedule that was blocked runs its ticks again. */
export interface ScheduleUnblocked extends Dated {
  fact: 'schedule.unblocked';
  schedule: string;
  plan: string;
  run: string;
}

/** A schedule of a plan has ended: it was deleted, or no longer selects the plan. */
export interface ScheduleRetired extends Dated {
  fact: 'schedule.retired';
  schedule: string;
  plan: string;
}

/** What became of a tick. A tick that waits has a second fate later. `run` is null where none was started. */
export interface TickFated extends Dated {
  fact: 'tick.fated';
  schedule: string;
  plan: string;
  tick: string;
  fate: string;
  reason: string;
  run: string | null;
  /** How long after the tick that was decided. */
  lateMs: number;
}

/** An engine was started without limits of the agent's file that nothing on its host could hold it to. */
export interface EngineUnlimited extends OfActor {
  fact: 'engine.unlimited';
  limits: readonly string[];
}

export type Fact =
  | RuntimeFact
  | EngineReattached
  | EngineUnlimited
  | HookFailed
  | RunSlow
  | PingFailed
  | PlanNewest
  | PlanGone
  | PlanOverdue
  | PlanOnTime
  | DrillEnded
  | RunGivenUp
  | SweepRemoved
  | SweepLeft
  | ScheduleBlocked
  | ScheduleUnblocked
  | ScheduleRetired
  | TickFated;

export type FactName = Fact['fact'];

/** The fact of a name. */
export type FactOf<Name extends FactName> = Extract<Fact, { fact: Name }>;
