/** What happens to a run: its commands, and the facts that the runtime and its effects tell it. */
import type { DeadlinePassed, Stamped } from '../src/core/machine-spec.ts';
import type { RunCommand } from '../src/domain/commands.ts';
import type { Reason } from '../src/domain/reasons.ts';
import type { Progress } from '../src/domain/run.ts';

/** Its agent drains; it must be gone by `deadline` (ms since the epoch). */
export interface RunDrain extends Stamped {
  type: 'run.drain';
  deadline: number;
}
/** An agent runs it again: after a restart, or because the drain was taken back. */
export interface AgentReturned extends Stamped {
  type: 'agent.returned';
}
/** No byte was read, scanned or sent for the policy's `stall`: the transfer effect, which sees the bytes, says so. */
export interface EngineStalled extends Stamped {
  type: 'engine.stalled';
}
/** What keeps a run from its turn that is worth a record, such as a repository that is low; nulls once it is over. */
export interface TurnObstructed extends Stamped {
  type: 'turn.obstructed';
  reason: Reason | null;
  message: string | null;
  hint: string | null;
}
/** How far it is; each one costs a record, so once in a while. */
export interface EngineProgressed extends Stamped {
  type: 'engine.progressed';
  progress: Progress;
}
/**
 * Its agent has been away for as long as its plan's `hostAway` allows: told by the agent that takes its record over, which
 * ends it and starts nothing of it.
 */
export interface HostAway extends Stamped {
  type: 'host.away';
  agent: string;
  /** When the cluster last heard of that agent (RFC 3339). */
  since: string;
  /** It was told to cancel while its agent was away. */
  cancelled: boolean;
  /** What whoever cancelled it said. */
  note?: string | undefined;
}

export type RunEvent =
  | (RunCommand & Stamped)
  | DeadlinePassed
  | RunDrain
  | AgentReturned
  | HostAway
  | EngineStalled
  | TurnObstructed
  | EngineProgressed;

/** The facts that a run takes; everything else of its events is a command or the end of an effect. */
export const runFacts = [
  'deadline.passed',
  'run.drain',
  'agent.returned',
  'host.away',
  'engine.stalled',
  'turn.obstructed',
  'engine.progressed',
] as const;
