/**
 * Mailboxes: a durable queue an actor. A message that was acknowledged is stored; a full box refuses new messages and
 * never drops what is unread. Reading does not remove: a reader knows its place (`MailPosition`).
 */
import type { MailPosition } from './record.ts';

export interface Mail {
  kind: string;
  id: string;
  /** The store's place and time of it. After a purge and a crash a store can count from 1 again: a place is both. */
  seq: number;
  at: string;
  payload: Uint8Array;
  /** Where the sender wants the outcome (header `Reeve-Reply`). */
  replyTo: string | undefined;
}

export interface Mailboxes {
  /**
   * Stores a message. Rejects with an AnswerError: `refused` when the box is full (1,000 unread), `unavailable` when it
   * cannot be known to be stored.
   */
  send(kind: string, id: string, payload: Uint8Array, options?: { replyTo?: string }): Promise<{ seq: number }>;

  /** What is stored for one actor beyond a place, oldest first, read where writes are decided. */
  unread(kind: string, id: string, after: MailPosition): Promise<Mail[]>;

  /**
   * Calls `deliver` for each message stored for any actor, in order, from all that is kept, until the returned function
   * is called. A message may come again (after a reconnection all that is kept comes again): receivers know their place.
   */
  follow(deliver: (mail: Mail) => void): Promise<() => void>;

  /** Removes what an actor has read up to `upTo`; the newest message of a box always stays. */
  purge(kind: string, id: string, upTo: MailPosition): Promise<void>;
}

/** True for mail that lies beyond a place. Skipped only if both its sequence and its time are not beyond. */
export function isBeyond(mail: { seq: number; at: string }, place: MailPosition): boolean {
  return mail.seq > place.seq || mail.at > place.at;
}

/**
 * The place once a message was taken at `place`. Its time never goes back while the sequence goes on: a server whose
 * clock was set back would otherwise make earlier messages look new when they come again.
 */
export function placeAfter(place: MailPosition, { seq, at }: { seq: number; at: string }): MailPosition {
  return { seq, at: seq > place.seq && place.at > at ? place.at : at };
}

/** A message that had no effect, and why. */
export interface Refusal {
  kind: string;
  id: string;
  /** `refused`: the actor could not take it. `dead-letter`: no such actor, or its state is final. */
  outcome: 'refused' | 'dead-letter';
  /** Identifies the message: `<seq>-<time>` of the mail, or the sender's `requestId` hashed. */
  token: string;
  code: string;
  message: string;
  hint: string;
  at: string;
  mail: MailPosition | null;
  requestId: string | null;
  /** The start of the payload, as text; at most 1 kB. */
  payload: string;
}

/** The bounded list of messages that had no effect. */
export interface Refusals {
  /** Records a refusal, once for a token. */
  record(refusal: Refusal): Promise<void>;
  /** The refusal recorded under a token of an actor. */
  find(kind: string, id: string, token: string): Promise<Refusal | undefined>;
}

/** Sends the outcome of a message to whoever asked for it. Best effort: nobody may be there. */
export type Reply = (to: string, answer: unknown) => void;
