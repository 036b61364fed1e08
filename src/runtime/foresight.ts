/** Where an event would lead an actor, by its machine alone: nothing is written, and no effect runs. */
import { type AnyMachineSnapshot, type EventObject, getNextSnapshot } from 'xstate';
import type { JsonObject } from '../core/json.ts';
import type { MachineDefinition } from './definition.ts';
import type { ActorRecord } from './record.ts';
import { restingAt } from './snapshot-of.ts';
import { pathOf } from './step-record.ts';

type Self = Pick<ActorRecord, 'state' | 'context'>;

/** State and context after `event`; undefined where this version of the machine does not have the record's state, or does not take it there. */
export function selfAfter({ machine }: MachineDefinition, self: Self, event: EventObject): Self | undefined {
  const resting = restingAt(machine, self);
  if (!resting?.can(event)) return undefined;
  const next = getNextSnapshot(machine, resting, event) as AnyMachineSnapshot;
  return { state: pathOf(next.value), context: next.context as JsonObject };
}
