/**
 * What the system tells about itself: each thing it may say is a type of its own, readable by people and by programs,
 * with no logger inside. The runtime and its neighbours call one observer; logs and metrics are made from it.
 *
 * An observer must not throw and must not wait.
 */
export type Observer = (fact: Fact) => void;

/** Every fact says when it was so: RFC 3339 UTC, milliseconds. */
interface Dated {
  at: string;
}

interface OfActor extends Dated {
  kind: string;
  id: string;
}

/** An actor's step: its record is durable (or, while NATS is away, journalled). `from` is null on the first. */
export interface ActorTransition extends OfActor {
  fact: 'actor.transition';
  from: string | null;
  state: string;
  event: string;
  reason: string | null;
  note: string | null;
  final: boolean;
  agent: string;
}

/** A message that the actor could not take; nothing changed. `command` is null where the payload named none. */
export interface ActorRefused extends OfActor {
  fact: 'actor.refused';
  command: string | null;
  code: string;
  message: string;
  hint: string;
}

/** The actor's own code threw. */
export interface ActorCrashed extends OfActor {
  fact: 'actor.crashed';
  state: string | null;
  message: string;
  stack: string | null;
}

/** Its supervisor started it again, as restart number `restarts` within the period. */
export interface ActorRestarted extends OfActor {
  fact: 'actor.restarted';
  restarts: number;
  afterMs: number;
}

/** Another owner's record came first: this one stopped its effects. */
export interface ActorFenced extends OfActor {
  fact: 'actor.fenced';
  by: string | null;
  epoch: number;
}

/** Mail for an actor that is unknown or final. */
export interface DeadLetter extends OfActor {
  fact: 'dead-letter';
  command: string | null;
  message: string;
}

/** A message that crashed its actor too often and was passed over. */
export interface MailPoisoned extends OfActor {
  fact: 'mail.poisoned';
  seq: number;
  crashes: number;
}

/** A stopped actor's effect did not settle in its bound. */
export interface EffectUnsettled extends OfActor {
  fact: 'effect.unsettled';
  effect: string;
  forMs: number;
}

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

export interface NatsAway extends Dated {
  fact: 'nats.away';
  message: string;
}

export interface NatsBack extends Dated {
  fact: 'nats.back';
  awayMs: number;
}

/** Steps that were journalled while NATS was away; `superseded` ones were overtaken by another owner's. */
export interface JournalReplayed extends Dated {
  fact: 'journal.replayed';
  records: number;
  superseded: number;
}

export interface DrainStarted extends Dated {
  fact: 'drain.started';
  /** What asked for it: `SIGTERM`, `agent.drain`, `agent.shutdown`. */
  cause: string;
  graceMs: number;
  actors: number;
}

/** The drain is over; `unstopped` is the report of what did not stop in time. */
export interface DrainEnded extends Dated {
  fact: 'drain.ended';
  tookMs: number;
  stopped: number;
  unstopped: { kind: string; id: string; why: string }[];
}

/** A supervisor gave up, in OTP's four words. */
export interface SupervisorEscalated extends Dated {
  fact: 'supervisor.escalated';
  supervisor: string;
  context: string;
  reason: string;
  offender: string | null;
}

/** Metrics and health can be asked at `url`. */
export interface HttpListening extends Dated {
  fact: 'http.listening';
  url: string;
}

/** Nobody can ask for metrics and health now: the address cannot be had. */
export interface HttpNotListening extends Dated {
  fact: 'http.not-listening';
  listen: string;
  message: string;
}

/** The wall clock moved by `byMs` against the monotonic one. */
export interface ClockJumped extends Dated {
  fact: 'clock.jumped';
  byMs: number;
}

export interface AgentStarted extends Dated {
  fact: 'agent.started';
  incarnation: string;
  host: string;
  version: string;
  pid: number;
}

/** The disk of the agent's own data takes nothing more; what was to be written there is tried again. */
export interface AgentDiskFull extends Dated {
  fact: 'agent.disk-full';
  where: string;
  message: string;
}

export interface AgentStopped extends Dated {
  fact: 'agent.stopped';
  exit: number;
  tookMs: number;
}

/** An error that nobody expected. `where` is the part of the system that met it. */
export interface Defect extends Dated {
  fact: 'defect';
  where: string;
  message: string;
  stack: string | null;
}

export type Fact =
  | ActorTransition
  | ActorRefused
  | ActorCrashed
  | ActorRestarted
  | ActorFenced
  | DeadLetter
  | MailPoisoned
  | EffectUnsettled
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
  | TickFated
  | NatsAway
  | NatsBack
  | JournalReplayed
  | DrainStarted
  | DrainEnded
  | SupervisorEscalated
  | HttpListening
  | HttpNotListening
  | ClockJumped
  | AgentStarted
  | AgentDiskFull
  | AgentStopped
  | Defect;

export type FactName = Fact['fact'];

/** The fact of a name. */
export type FactOf<Name extends FactName> = Extract<Fact, { fact: Name }>;
