/** The record: an actor's durable self. One write a transition; state, cause and history are the same record. */
import { FailureError } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';

/** Who runs an actor's effects. */
export interface Owner {
  agent: string;
  host: string;
  /** One start of the agent's process. */
  incarnation: string;
  /** Counts the changes of owner. */
  epoch: number;
}

/** A place in a mailbox: the sequence and the server's time of the last message that was taken or refused. */
export interface MailPosition {
  seq: number;
  /** RFC 3339, milliseconds. */
  at: string;
}

export interface ActorRecord {
  kind: string;
  id: string;
  machine: { id: string; version: number };
  /** Dotted path of the state. */
  state: string;
  from: string | null;
  /** Type of the event that led here. */
  event: string;
  /** Why it is here, as its context says it. */
  reason: string | null;
  /** A person's words, from the command that led here. */
  note: string | null;
  /** When this record was made (cluster time, RFC 3339 UTC with milliseconds, as are all times here). */
  at: string;
  /** When the first part of `state` was entered. */
  since: string;
  final: boolean;
  context: JsonObject;
  /** Absolute times by the deadlines' names. */
  deadlines: Record<string, string>;
  owner: Owner | null;
  handTo: string | null;
  mail: MailPosition;
  /** The last 32 `requestId`s that took effect. */
  requests: string[];
  /** The revision that this record follows; 0 on the first. */
  after: number;
  /** Who wrote it, and which of its writes it was: how an unknown outcome is told. */
  write: { incarnation: string; n: number };
  /** The declared commands that this state may take. */
  canTake: string[];
}

/** Longest record, in bytes of JSON. */
export const recordBytesMax = 32 * 1024;

/** How many requests a record remembers. */
export const requestsMax = 32;

/** The key of an actor, in buckets and registries: `<kind>.<id>`. */
export function keyOf(actor: { kind: string; id: string }): string {
  return `${actor.kind}.${actor.id}`;
}

/** True where both are the same step of the same incarnation, whatever revision either follows. */
export function isSameWrite(one: ActorRecord, other: ActorRecord): boolean {
  return one.write.incarnation === other.write.incarnation && one.write.n === other.write.n;
}

/** A record without its context: what answers and lists show. */
export function summaryOf(record: ActorRecord): Omit<ActorRecord, 'context'> {
  const { context: _, ...summary } = record;
  return summary;
}

/** The failure of a record that is longer than any store takes, in bytes of its JSON; undefined for one that fits. */
export function tooLongOf(
  record: ActorRecord,
  bytes = Buffer.byteLength(JSON.stringify(record)),
): FailureError | undefined {
  if (bytes <= recordBytesMax) return undefined;
  return new FailureError({
    kind: 'permanent',
    code: 'record-too-long',
    message: `the record of ${keyOf(record)} has ${bytes} bytes, more than the ${recordBytesMax} that it may have`,
    hint: 'keep lists beside the record, and in it their count, their first and where they are',
  });
}

/** The failure of a record that follows one which the store does not have any more; `hint` says how that may be. */
export function goneBefore(record: ActorRecord, hint: string): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'record-gone',
    message: `the record of ${keyOf(record)} that revision ${record.after} names is gone from the store`,
    hint,
  });
}
