/**
 * An actor's inbox: from the messages that its mailbox holds to steps, refusals and answers.
 *
 * 1. One message at a time: the next is judged only when the last one's step is durable, or its refusal is recorded. So
 *    there is nothing unread behind a place that a record names.
 * 2. A refusal writes no record, but is recorded before the place moves past it; read again after a crash, the same
 *    message meets the same state, and so the same verdict.
 */
import type { EventObject } from 'xstate';
import { failpoint } from '../core/failpoint.ts';
import type { MachineDefinition } from './definition.ts';
import type { Envelope, Verdict } from './durable.ts';
import type { Host } from './host.ts';
import { answerOf, judge, parsedPayload, poisonKey, type Refused, refusalOf } from './intake.ts';
import { isBeyond, type Mail } from './mailboxes.ts';
import { type ActorRecord, type MailPosition, summaryOf } from './record.ts';
import { timeText } from './step-record.ts';

/** An envelope of a message: its step's record moves the place to it. */
export interface MailEnvelope extends Envelope {
  place: MailPosition;
}

export interface InboxPort {
  host: Host;
  definition: MachineDefinition;
  record: () => ActorRecord;
  propose: (envelope: MailEnvelope) => void;
}

export class Inbox {
  readonly #port: InboxPort;
  #place: MailPosition;
  #queue: Mail[] = [];
  #pumping = false;
  #closed = false;
  #closeCurrent: () => void = () => undefined;

  constructor(port: InboxPort, place: MailPosition) {
    this.#port = port;
    this.#place = place;
  }

  /** The last message that was taken or refused: what the next record says. */
  get place(): MailPosition {
    return this.#place;
  }

  /** Hands it a message; what it already has it passes over. */
  deliver(mail: Mail): void {
    if (this.#closed || !isBeyond(mail, this.#queue.at(-1) ?? this.#place)) return;
    this.#queue.push(mail);
    if (!this.#pumping) void this.#pump();
  }

  /** Takes nothing more. What is unread stays in the mailbox for whoever runs the actor next. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#closeCurrent();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let mail = this.#queue[0]; mail && !this.#closed; mail = this.#queue[0]) {
      failpoint('intake.read');
      await this.#take(mail);
      this.#queue.shift();
    }
    this.#pumping = false;
  }

  async #take(mail: Mail): Promise<void> {
    const { host, definition, record } = this.#port;
    const judgement = await judge(mail, definition, record(), host);
    if (this.#closed) return;
    if (judgement.verdict === 'refused') return await this.#refuse(mail, judgement);
    if (judgement.verdict === 'repeated') return this.#answer(mail, judgement.answer);
    const outcome = await this.#propose(mail, judgement.command);
    if (outcome === 'taken') this.#answer(mail, { ok: true, actor: summaryOf(record()) });
    if (outcome === 'refused') await this.#refuse(mail, cannotTake(record(), judgement.command));
    // A crash or an end leaves the message unread: whoever runs the actor next meets it again.
  }

  #propose(mail: Mail, command: EventObject): Promise<Verdict['outcome']> {
    return new Promise(resolve => {
      const settle = ({ outcome }: Verdict) => {
        const { poison } = this.#port.host;
        if (outcome === 'crashed') poison.set(poisonKey(mail), (poison.get(poisonKey(mail)) ?? 0) + 1);
        resolve(outcome);
      };
      this.#closeCurrent = () => resolve('late');
      this.#port.propose({ command, settle, place: { seq: mail.seq, at: mail.at } });
    });
  }

  async #refuse(mail: Mail, why: Refused): Promise<void> {
    const { host } = this.#port;
    const refusal = refusalOf(mail, why, timeText(host.clock.now()));
    await host.refusals.record(refusal);
    const { kind, id, code, message, hint, at } = refusal;
    const { type } = parsedPayload(mail.payload) ?? {};
    host.observe({
      fact: 'actor.refused',
      kind,
      id,
      command: typeof type === 'string' ? type : null,
      code,
      message,
      hint,
      at,
    });
    this.#answer(mail, answerOf(refusal));
  }

  #answer(mail: Mail, answer: unknown): void {
    if (this.#closed && !isBeyond(mail, this.#place)) return;
    this.#place = { seq: mail.seq, at: mail.at };
    if (mail.replyTo !== undefined) this.#port.host.reply(mail.replyTo, answer);
  }
}

function cannotTake(record: ActorRecord, command: EventObject): Refused {
  const hint = record.canTake.length > 0 ? `it can take: ${record.canTake.join(', ')}` : 'it takes no command now';
  const message = `${record.kind} ${record.id} cannot take ${command.type}: it is ${record.state}`;
  return { code: 'refused', message, hint };
}
