/**
 * The snapshot that a record stands for. State and context are all of it: the invokes of the state are asked again, with
 * inputs from the context, so an effect that was under way when its agent died runs again (it is idempotent), and one
 * whose end was lost is heard of after all. XState's own persisted snapshots can lose an invoke's end for ever.
 */
import { type AnyMachineSnapshot, type AnyStateMachine, pathToStateValue, type Snapshot } from 'xstate';
import type { JsonObject } from '../core/json.ts';

/** The configuration of a record's state, of whose effects none is asked for; undefined where the machine has no such state. */
export function restingAt(
  machine: AnyStateMachine,
  { state, context }: { state: string; context: JsonObject },
): AnyMachineSnapshot | undefined {
  try {
    return machine.resolveState({ value: pathToStateValue(state.split('.')), context }) as AnyMachineSnapshot;
  } catch {
    return undefined;
  }
}

/** Throws where the record asks for a state or an effect that the machine does not have. */
export function snapshotOf(
  machine: AnyStateMachine,
  record: { state: string; context: JsonObject },
): Snapshot<unknown> {
  const { state, context } = record;
  const resting = restingAt(machine, record);
  if (!resting) throw new Error(`the record is in the state ${state}, which the machine ${machine.id} does not have`);
  const children: Record<string, unknown> = {};
  for (const node of resting._nodes) {
    for (const { id, src, input } of node.invoke) {
      if (typeof src !== 'string' || !(src in machine.implementations.actors))
        throw new Error(`the record asks for the effect ${String(src)}, which the machine ${machine.id} does not have`);
      const asked = typeof input === 'function' ? input({ context, event: restored, self: undefined as never }) : input;
      const snapshot = { status: 'active', output: undefined, error: undefined, input: asked };
      children[id] = { src, syncSnapshot: false, snapshot };
    }
  }
  return { ...machine.getPersistedSnapshot(resting), children } as unknown as Snapshot<unknown>;
}

const restored = { type: 'reeve.restored' };
