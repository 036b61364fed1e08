/** What happens to a run: its commands, and the facts that the runtime and its effects tell it. */
import type { DeadlinePassed, Stamped } from '../src/core/machine-spec.ts';
import type { RunCommand } from '../src/domain/commands.ts';
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
/** How far it is; each one costs a record, so once in a while. */
export interface EngineProgressed extends Stamped {
  type: 'engine.progressed';
  progress: Progress;
}

export type RunEvent =
  | (RunCommand & Stamped)
  | DeadlinePassed
  | RunDrain
  | AgentReturned
  | EngineStalled
  | EngineProgressed;

/** The facts that a run takes; everything else of its events is a command or the end of an effect. */
export const runFacts = [
  'deadline.passed',
  'run.drain',
  'agent.returned',
  'engine.stalled',
  'engine.progressed',
] as const;
