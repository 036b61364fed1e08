/** Taking a record over: what of it this agent's machine can run, and the record that says whose it is now. */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { timeText } from '../core/time-text.ts';
import { type Deadlines, deadlinesOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { selfAfter } from './foresight.ts';
import type { Host } from './host.ts';
import { type ActorRecord, keyOf, type Owner } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { canTakeOf, firstPart, textOf, timesText } from './step-record.ts';

/** State and context of a record in this version of its machine. Throws where the machine cannot run it. */
export function selfOf(definition: MachineDefinition, record: ActorRecord): Pick<ActorRecord, 'state' | 'context'> {
  const { id, version } = record.machine;
  if (version === definition.version) return { state: record.state, context: record.context };
  // What a newer machine means by its record nobody knows here.
  const self = version < definition.version ? definition.migrate?.(record) : undefined;
  if (self) return self;
  throw new Error(
    `${keyOf(record)} is of version ${version} of ${id}, which this agent (version ${definition.version}) cannot migrate`,
  );
}

/** The same after the event that it is taken over with. Throws where its state does not take that. */
export function selfAfterClaim(
  definition: MachineDefinition,
  record: ActorRecord,
  event: EventObject,
): Pick<ActorRecord, 'state' | 'context'> {
  const after = selfAfter(definition, selfOf(definition, record), event);
  if (after) return after;
  throw new Error(`${keyOf(record)} is ${record.state}, which does not take ${event.type}`);
}

/**
 * The record by which `owner` takes over `stored`, whose snapshot is `snapshot` here: as it stood, or as `event` left it.
 * It follows what is stored.
 */
export function claimOf(
  definition: MachineDefinition,
  { record, revision }: StoredRecord,
  self: Pick<ActorRecord, 'state' | 'context'>,
  snapshot: AnyMachineSnapshot,
  owner: Owner,
  host: Host,
  event?: EventObject,
): { record: ActorRecord; deadlines: Deadlines } {
  const now = host.clock.now();
  const previous = event ? undefined : { snapshot, deadlines: timesOf(record.deadlines) };
  const deadlines = deadlinesOf(definition, snapshot, now, host.random, previous);
  const claim: ActorRecord = {
    ...record,
    ...self,
    machine: { id: definition.machine.id, version: definition.version },
    from: record.state,
    event: event?.type ?? 'actor.adopted',
    reason: textOf(self.context.reason),
    note: textOf((event as { note?: unknown } | undefined)?.note),
    at: timeText(now),
    since: firstPart(record.state) === firstPart(self.state) ? record.since : timeText(now),
    deadlines: timesText(deadlines),
    owner,
    handTo: null,
    after: revision,
    write: { incarnation: owner.incarnation, n: host.nextWrite() },
    canTake: canTakeOf(definition, snapshot),
  };
  return { record: claim, deadlines };
}

/** A record's deadlines in milliseconds since the epoch. */
export function timesOf(texts: Record<string, string>): Deadlines {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Date.parse(text)]));
}
