/**
 * The mail room of an agent: one flow of all mail comes in, and goes to the actors that run here, in order. What no
 * actor can ever take becomes a dead letter; what another agent's actor will take is left alone.
 */
import type { DurableActor } from './durable-actor.ts';
import type { Host } from './host.ts';
import { answerOf, parsedPayload, type Refused, refusalOf } from './intake.ts';
import { isBeyond, type Mail } from './mailboxes.ts';
import { keyOf, type MailPosition } from './record.ts';
import { timeText } from './step-record.ts';

export interface MailRoomPort {
  host: Host;
  /** The actor of a key that runs here; a promise while it is being started. */
  find: (key: string) => DurableActor | Promise<DurableActor | undefined> | undefined;
}

export class MailRoom {
  readonly #port: MailRoomPort;
  /** Mail that came while an actor's earlier mail was being read. */
  readonly #heldBack = new Map<string, Mail[]>();
  #newest: MailPosition = { seq: 0, at: '' };
  #stop: () => void = () => undefined;
  #dead: Promise<unknown> = Promise.resolve();

  constructor(port: MailRoomPort) {
    this.#port = port;
  }

  /** The last message that came by: an actor that is created now has no mail before it. */
  get newest(): MailPosition {
    return this.#newest;
  }

  async open(): Promise<void> {
    this.#stop = await this.#port.host.mailboxes.follow(mail => this.#sort(mail));
  }

  close(): void {
    this.#stop();
  }

  /** Brings an actor that was taken over what its mailbox holds beyond its record's place, and then the flow. */
  async catchUp(actor: DurableActor): Promise<void> {
    const held: Mail[] = [];
    this.#heldBack.set(actor.key, held);
    try {
      const unread = await this.#port.host.mailboxes.unread(actor.kind, actor.id, actor.record.mail);
      for (const mail of [...unread, ...held]) actor.deliver(mail);
    } finally {
      this.#heldBack.delete(actor.key);
    }
  }

  #sort(mail: Mail): void {
    const key = keyOf(mail);
    if (isBeyond(mail, this.#newest)) this.#newest = { seq: mail.seq, at: mail.at };
    const held = this.#heldBack.get(key);
    if (held) {
      held.push(mail);
      return;
    }
    const found = this.#port.find(key);
    if (!found) {
      this.#bury(mail);
    } else if (found instanceof Promise) {
      const waiting: Mail[] = [mail];
      this.#heldBack.set(key, waiting);
      void found.then(actor => {
        this.#heldBack.delete(key);
        for (const each of waiting) actor ? actor.deliver(each) : this.#bury(each);
      });
    } else {
      found.deliver(mail);
    }
  }

  /** One after the other: a storm of dead letters must not become a storm of reads. */
  #bury(mail: Mail): void {
    this.#dead = this.#dead
      .then(() => this.#buryOne(mail))
      .catch(error => {
        const at = timeText(this.#port.host.clock.now());
        const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
        this.#port.host.observe({ fact: 'defect', where: 'dead letters', message, stack, at });
      });
  }

  async #buryOne(mail: Mail): Promise<void> {
    const { host } = this.#port;
    const stored = await host.store.read(mail.kind, mail.id);
    if (stored && (!stored.record.final || !isBeyond(mail, stored.record.mail))) return; // whoever runs it takes it, or has
    const at = timeText(host.clock.now());
    const why = stored ? isFinal(mail, stored.record.state) : isUnknown(mail);
    const refusal = refusalOf(mail, why, at, 'dead-letter');
    if (await host.refusals.find(mail.kind, mail.id, refusal.token)) return;
    await host.refusals.record(refusal);
    const { type } = parsedPayload(mail.payload) ?? {};
    const command = typeof type === 'string' ? type : null;
    host.observe({ fact: 'dead-letter', kind: mail.kind, id: mail.id, command, message: why.message, at });
    if (mail.replyTo !== undefined) host.reply(mail.replyTo, answerOf(refusal));
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
