/**
 * What the runtime needs to know of a machine besides its chart. A machine's file exports its chart and its commands;
 * whoever binds its effects hands both to the runtime.
 */
import type { Schema } from './schema.ts';

/** What a state's `meta` may say; the runtime reads nothing else there. */
export interface StateMeta {
  /**
   * Deadlines that start when this state is entered and end when it is left. The runtime asks the machine's
   * `deadlineMs` for each one's length, and sends `deadline.passed {name}` when it is over.
   */
  deadlines?: readonly string[];
  /** What this state waits for, in words for an operator; a state without deadlines must have it. */
  waitsFor?: string;
  /** The effects of this state may be cut off at any point, with nothing to finish or to clean up: it is at rest for a drain. */
  abortable?: boolean;
}

/** The commands that a machine takes from outside, by event type (`backup.cancel`), each with the schema of its event. */
export type Commands = Readonly<Record<string, Schema<{ type: string }>>>;

/** Every event that the runtime proposes carries the cluster time, in milliseconds since the epoch. */
export interface Stamped {
  at: number;
}

/** The event that the runtime sends when a deadline of the current state is over. */
export interface DeadlinePassed extends Stamped {
  type: 'deadline.passed';
  name: string;
}
