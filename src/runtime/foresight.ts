/** Where an event would lead an actor, by its machine alone: nothing is written, and no effect runs. */
import { type AnyMachineSnapshot, type EventObject, getNextSnapshot, pathToStateValue } from 'xstate';
import type { MachineDefinition } from './definition.ts';
import type { ActorRecord } from './record.ts';
import { pathOf } from './step-record.ts';

/** The dotted state after `event`; undefined where this version of the machine does not have the record's state. */
export function stateAfter(
  { machine }: MachineDefinition,
  { state, context }: Pick<ActorRecord, 'state' | 'context'>,
  event: EventObject,
): string | undefined {
  let resting: AnyMachineSnapshot;
  try {
    resting = machine.resolveState({ value: pathToStateValue(state.split('.')), context }) as AnyMachineSnapshot;
  } catch {
    return undefined;
  }
  return pathOf((getNextSnapshot(machine, resting, event) as AnyMachineSnapshot).value);
}
