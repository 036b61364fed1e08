/** Why an actor is where it is, since when, what it waits for, until when, and what it can take. */
import type { AnyMachineSnapshot } from 'xstate';
import { waitsForOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import type { ActorRecord } from './record.ts';
import { restingAt } from './snapshot-of.ts';

export interface Explanation {
  state: string;
  /** What the state means, as its chart describes it, and how it was come by. */
  why: string;
  since: string;
  waitsFor: string | null;
  /** The nearest deadline. */
  until: { deadline: string; at: string } | null;
  canTake: string[];
  /** Of a command that was asked about and that the state does not take: the guards that are against it, none where nothing takes it. */
  refused?: { command: string; guards: string[] };
}

/** Explains a record by its machine; where this agent does not know the machine, by the record alone. */
export function explain(record: ActorRecord, definition: MachineDefinition | undefined, command?: string): Explanation {
  const { state, since, from, event, canTake } = record;
  const snapshot = definition && restingAt(definition.machine, record);
  const meaning = snapshot?._nodes
    .map(node => node.description)
    .filter(Boolean)
    .at(-1);
  const came = from === null ? `It began by ${event}.` : `It came from ${from} by ${event}.`;
  const message = typeof record.context.message === 'string' ? record.context.message : undefined;
  const why = [meaning, came, message].filter(Boolean).join(' ');
  const [nearest] = Object.entries(record.deadlines).sort(([, one], [, other]) => (one < other ? -1 : 1));
  const until = nearest ? { deadline: nearest[0], at: nearest[1] } : null;
  const refused = command !== undefined &&
    !canTake.includes(command) && { command, guards: guardsOf(snapshot, command) };
  return {
    state,
    why,
    since,
    waitsFor: snapshot ? waitsForOf(snapshot) : null,
    until,
    canTake,
    ...(refused && { refused }),
  };
}

/** The guards of the transitions that the command would have where it stands. */
function guardsOf(snapshot: AnyMachineSnapshot | undefined, command: string): string[] {
  const transitions = snapshot?._nodes.flatMap(node => node.transitions.get(command) ?? []) ?? [];
  const names = transitions.map(({ guard }) =>
    typeof guard === 'string' ? guard : (guard as { type?: string })?.type,
  );
  return [...new Set(names.filter(name => name !== undefined))];
}
