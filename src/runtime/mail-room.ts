/**
 * The mail room of an agent: one flow of all mail comes in, and goes to the actors that run here. What no actor can ever
 * take becomes a dead letter; what another agent's actor will take is left alone.
 *
 * 1. An actor gets its mail in order: from before it is started until it has what its mailbox held by then, the flow
 *    for it is held back. A later message that came first would move its place past the earlier ones, for ever.
 * 2. Mail that an actor left unread when it ended is a dead letter.
 */
import { isUnavailable } from '../core/answer-error.ts';
import { backoffMs } from '../core/backoff.ts';
import { defectOf } from '../core/defect.ts';
import { timeText } from '../core/time-text.ts';
import type { DurableActor } from './durable-actor.ts';
import type { Host } from './host.ts';
import { answerOf, type Refused, refusalOf, repeatedAt, requestIdOf, typeOf } from './intake.ts';
import { isBeyond, type Mail, placeAfter } from './mailboxes.ts';
import { type ActorRecord, keyOf, type MailPosition } from './record.ts';

export interface MailRoomPort {
  host: Host;
  /** The actor of a key that runs here. */
  find: (key: string) => DurableActor | undefined;
  /** Told of each dead letter: nobody reads it, and its box need not keep it. */
  onDeadLetter?: (place: Pick<ActorRecord, 'kind' | 'id' | 'mail'>) => void;
}

/** The flow for one actor, held back while it is being started. */
export interface HeldMail {
  key: string;
  mail: Mail[];
}

const retry = { minMs: 100, maxMs: 5_000 };

export class MailRoom {
  readonly #port: MailRoomPort;
  readonly #held = new Map<string, HeldMail>();
  #newest: MailPosition = { seq: 0, at: '' };
  #following: Promise<() => void> | undefined;
  #dead: Promise<unknown> = Promise.resolve();

  constructor(port: MailRoomPort) {
    this.#port = port;
  }

  /** The last message that came by: an actor that is created now has no mail before it. */
  get newest(): MailPosition {
    return this.#newest;
  }

  /** Lets mail flow, beginning with all that is kept. May be called twice. */
  async open(): Promise<void> {
    this.#following ??= this.#port.host.mailboxes.follow(mail => this.#sort(mail));
    await this.#following;
  }

  close(): void {
    void this.#following?.then(stop => stop());
  }

  /** Holds the flow for an actor back, until `handOver`. */
  hold(key: string): HeldMail {
    const held = { key, mail: this.#held.get(key)?.mail ?? [] };
    this.#held.set(key, held);
    return held;
  }

  /** What was held back goes to the actor that came of it; where none did, it is mail like any other. */
  handOver(held: HeldMail, actor: DurableActor | undefined): void {
    if (this.#held.get(held.key) !== held) return; // it is being started again
    this.#held.delete(held.key);
    for (const mail of held.mail) actor ? actor.deliver(mail) : this.#bury(mail);
  }

  /** The same for an actor whose mailbox may hold what came by before: that goes first, however long it takes to get it. */
  async catchUp(held: HeldMail, actor: DurableActor): Promise<void> {
    // The flow has not begun, and will begin with all that is kept.
    const unread = this.#following ? await this.#unread(actor) : [];
    if (this.#held.get(held.key) !== held) return;
    for (const mail of unread) actor.deliver(mail);
    this.handOver(held, actor);
  }

  /** An actor has ended: what it was handed and did not come to is late. */
  bury(unread: readonly Mail[]): void {
    for (const mail of unread) this.#bury(mail);
  }

  async #unread(actor: DurableActor): Promise<Mail[]> {
    const { mailboxes, clock, random } = this.#port.host;
    for (let tried = 1; !actor.isOver; tried += 1) {
      try {
        return await mailboxes.unread(actor.kind, actor.id, actor.record.mail);
      } catch (error) {
        this.#tell(`mail of ${actor.kind} ${actor.id}`, error);
        const at = clock.now() + backoffMs(retry, tried, random());
        await new Promise<void>(resolve => void clock.alarm(at, resolve));
      }
    }
    return [];
  }

  #sort(mail: Mail): void {
    const key = keyOf(mail);
    if (isBeyond(mail, this.#newest)) this.#newest = placeAfter(this.#newest, mail);
    const held = this.#held.get(key);
    const found = held ? undefined : this.#port.find(key);
    if (held) held.mail.push(mail);
    else if (found) found.deliver(mail);
    else this.#bury(mail);
  }

  /** One after the other: a storm of dead letters must not become a storm of reads. */
  #bury(mail: Mail): void {
    this.#dead = this.#dead.then(() => this.#buryOne(mail)).catch(error => this.#tell('dead letters', error));
  }

  async #buryOne(mail: Mail): Promise<void> {
    const { host } = this.#port;
    const stored = await host.store.read(mail.kind, mail.id);
    if (stored && (!stored.record.final || !isBeyond(mail, stored.record.mail))) return; // whoever runs it takes it, or has
    const requestId = requestIdOf(mail.payload);
    if (stored && requestId !== null && stored.record.requests.includes(requestId))
      return this.#reply(mail, repeatedAt(stored.record));
    const at = timeText(host.clock.now());
    const why = stored ? isFinal(mail, stored.record.state) : isUnknown(mail);
    const refusal = refusalOf(mail, why, at, 'dead-letter');
    const before = await host.refusals.find(mail.kind, mail.id, refusal.token);
    if (before) {
      // The same message comes by again after each reconnection; its sender has the answer.
      if (before.mail?.seq !== mail.seq || before.mail.at !== mail.at) this.#reply(mail, answerOf(before));
      return;
    }
    await host.refusals.record(refusal);
    this.#port.onDeadLetter?.({ kind: mail.kind, id: mail.id, mail: { seq: mail.seq, at: mail.at } });
    const command = typeOf(mail.payload);
    host.observe({ fact: 'dead-letter', kind: mail.kind, id: mail.id, command, message: why.message, at });
    this.#reply(mail, answerOf(refusal));
  }

  #reply(mail: Mail, answer: unknown): void {
    if (mail.replyTo !== undefined) this.#port.host.reply(mail.replyTo, answer);
  }

  /** NATS being away is told by its link, and all that is kept comes by again once it is back. */
  #tell(where: string, error: unknown): void {
    if (isUnavailable(error)) return;
    const at = timeText(this.#port.host.clock.now());
    this.#port.host.observe(defectOf(where, error, at));
  }
}

function isFinal(mail: Mail, state: string): Refused {
  return {
    code: 'refused',
    message: `${mail.kind} ${mail.id} is over: it is ${state}`,
    hint: 'a final state is final; start another',
  };
}

function isUnknown(mail: Mail): Refused {
  return {
    code: 'not-found',
    message: `there is no ${mail.kind} ${mail.id}`,
    hint: 'list the actors to see which there are',
  };
}
