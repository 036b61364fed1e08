/**
 * What a runtime and the process around it tell about themselves, whatever machines they run: each thing they may say is a
 * type of its own, readable by people and by programs, with no logger inside. They call one observer; logs and metrics are
 * made from it.
 *
 * An observer must not throw and must not wait.
 */
export type RuntimeObserver = (fact: RuntimeFact) => void;

/** Every fact says when it was so: RFC 3339 UTC, milliseconds. */
export interface Dated {
  at: string;
}

export interface OfActor extends Dated {
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

export type RuntimeFact =
  | ActorTransition
  | ActorRefused
  | ActorCrashed
  | ActorRestarted
  | ActorFenced
  | DeadLetter
  | MailPoisoned
  | EffectUnsettled
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
