/** From a step to its record: the one write that is the state, its cause and its history. */

import { type AnyMachineSnapshot, type EventObject, getNextTransitions, type StateValue } from 'xstate';
import type { JsonObject } from '../core/json.ts';
import type { Commands } from '../core/machine-spec.ts';
import { timeText } from '../core/time-text.ts';
import { type Deadlines, deadlinesOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { type ActorRecord, type MailPosition, type Owner, requestsMax } from './record.ts';

/** Where an actor stands: its newest durable record, and the same in the machine's terms. */
export interface Standing {
  record: ActorRecord;
  revision: number;
  deadlines: Deadlines;
}

export interface StepFacts {
  /** When the step is made, in milliseconds since the epoch (cluster time). */
  at: number;
  owner: Owner;
  /** Which of its incarnation's writes it is. */
  n: number;
  /** Where its mailbox is read up to. */
  mail: MailPosition;
  /** A number in [0, 1), for jitter. */
  random: () => number;
}

/** The record of `next`, which `event` led to from `before` (undefined: it is the actor's first). */
export function recordOf(
  definition: MachineDefinition,
  id: string,
  next: AnyMachineSnapshot,
  event: EventObject,
  facts: StepFacts,
  before?: { standing: Standing; snapshot: AnyMachineSnapshot },
): { record: ActorRecord; deadlines: Deadlines } {
  const previous = before?.standing.record;
  const at = timeText(facts.at);
  const state = pathOf(next.value);
  const deadlines = deadlinesOf(
    definition,
    next,
    facts.at,
    facts.random,
    before && { snapshot: before.snapshot, deadlines: before.standing.deadlines },
  );
  const context = next.context as JsonObject;
  const record: ActorRecord = {
    kind: definition.kind,
    id,
    machine: { id: definition.machine.id, version: definition.version },
    state,
    from: previous?.state ?? null,
    event: event.type,
    reason: textOf(context.reason),
    note: textOf((event as { note?: unknown }).note),
    at,
    since: previous && firstPart(previous.state) === firstPart(state) ? previous.since : at,
    final: next.status !== 'active',
    context,
    deadlines: timesText(deadlines),
    owner: facts.owner,
    handTo: null,
    mail: facts.mail,
    requests: requestsAfter(previous?.requests ?? [], event),
    after: before?.standing.revision ?? 0,
    write: { incarnation: facts.owner.incarnation, n: facts.n },
    canTake: canTakeOf(definition, next),
  };
  return { record, deadlines };
}

/** The declared commands among the state's transitions. A guard may still refuse: that needs the command itself. */
export function canTakeOf(definition: MachineDefinition, snapshot: AnyMachineSnapshot): string[] {
  if (snapshot.status !== 'active' || !definition.commands) return [];
  const byState = takenBy.get(definition) ?? new Map<string, string[]>();
  takenBy.set(definition, byState);
  const state = pathOf(snapshot.value);
  const commands = byState.get(state) ?? commandsIn(definition.commands, snapshot);
  byState.set(state, commands);
  return [...commands];
}

/** The chart says it once for all: of each definition, what each of its states can take. */
const takenBy = new WeakMap<MachineDefinition, Map<string, string[]>>();

function commandsIn(commands: Commands, snapshot: AnyMachineSnapshot): string[] {
  const types = new Set(getNextTransitions(snapshot).map(transition => transition.eventType));
  return [...types].filter(type => Object.hasOwn(commands, type)).sort();
}

/** `{cleaning: 'removing'}` as `cleaning.removing`. */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const entry = Object.entries(value)[0];
  if (!entry) return '';
  const [key, inner] = entry;
  const rest = inner === undefined ? '' : pathOf(inner);
  return rest === '' ? key : `${key}.${rest}`;
}

/** Deadlines as a record has them. */
export function timesText(deadlines: Deadlines): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name in deadlines) texts[name] = timeText(deadlines[name] as number);
  return texts;
}

function requestsAfter(requests: string[], event: EventObject): string[] {
  const { requestId } = event as { requestId?: unknown };
  return typeof requestId === 'string' ? [...requests, requestId].slice(-requestsMax) : requests;
}

/** `cleaning` of `cleaning.removing`. */
export function firstPart(state: string): string {
  return state.split('.', 1)[0] ?? state;
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
