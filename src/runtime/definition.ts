/** What the runtime is told of a machine before it runs actors of it. */
import type { AnyStateMachine } from 'xstate';
import type { JsonObject } from '../core/json.ts';
import type { Commands } from '../core/machine-spec.ts';
import type { ActorRecord } from './record.ts';

export interface MachineDefinition {
  /** The kind of its actors: the first token of their key. */
  kind: string;
  /** Counts the changes of the chart or its context that older records must be migrated over. */
  version: number;
  /** The chart with its effects provided. Durable machines: no parallel or history states, no child machines, no `after`. */
  machine: AnyStateMachine;
  /** What mailboxes take; nothing else is taken. Default: nothing. */
  commands?: Commands;
  /** Length of a deadline that a state names, in milliseconds; undefined means no limit. `random` is in [0, 1). */
  deadlineMs?: (name: string, context: never, random: number) => number | undefined;
  /**
   * The absolute time of a deadline that the context says, in milliseconds since the epoch. Such a deadline follows the
   * context with each step, also while its state is not left. Null is none; undefined leaves it to `deadlineMs`.
   */
  deadlineAt?: (name: string, context: never) => number | null | undefined;
  /**
   * Turns the state and context of an older version's record into this version's; undefined refuses the record, which
   * then stands as it is and says so.
   */
  migrate?: (record: ActorRecord) => { state: string; context: JsonObject } | undefined;
  /** The state in which another incarnation takes a record over, whatever it was in. Default: the record's own. */
  adoptedIn?: string;
  /**
   * Lets an actor that ended come back: a start that meets its final record follows that one, as the next owner, and what
   * this makes of it is laid over the input. Default: a final state is final.
   */
  returns?: (ended: ActorRecord) => JsonObject;
  /** Type of the fact that tells an actor that its agent stops; it carries `deadline` (ms since the epoch). Default: none is sent. */
  drainEvent?: string;
  /** Type of the fact that tells a restored actor that an agent runs it again. Default: none is sent. */
  returnedEvent?: string;
}
