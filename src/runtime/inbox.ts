/**
 * An actor's inbox: from the messages that its mailbox holds to steps, refusals and answers.
 *
 * 1. One message at a time: the next is judged only when the last one's step is durable, or its refusal is recorded. So
 *    there is nothing unread behind a place that a record names.
 * 2. A refusal writes no record, but is recorded before the place moves past it; read again after a crash, the same
 *    message meets the same state, or its own refusal, and so the same verdict.
 * 3. While the refusals cannot be asked or written, the message waits, and with it those behind it.
 */
import type { EventObject } from 'xstate';
import { isUnavailable } from '../core/answer-error.ts';
import { backoffMs } from '../core/backoff.ts';
import { defectOf } from '../core/defect.ts';
import { failpoint } from '../core/failpoint.ts';
import { timeText } from '../core/time-text.ts';
import type { MachineDefinition } from './definition.ts';
import type { Envelope, Verdict } from './durable.ts';
import type { Host } from './host.ts';
import { answerOf, judge, poisonKey, type Refused, refusalOf, typeOf } from './intake.ts';
import { isBeyond, type Mail, placeAfter } from './mailboxes.ts';
import { type ActorRecord, type MailPosition, summaryOf } from './record.ts';

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

export interface InboxOptions {
  place: MailPosition;
  /** Messages up to here may have been refused by an earlier life of the actor. RFC 3339; '' where it had none. */
  knownUntil: string;
}

const retry = { minMs: 100, maxMs: 5_000 };

export class Inbox {
  readonly #port: InboxPort;
  readonly #knownUntil: string;
  #place: MailPosition;
  /** Behind the last message that it was handed. */
  #reached: MailPosition;
  #queue: Mail[] = [];
  #pumping = false;
  #closed = false;
  #closeCurrent: () => void = () => undefined;

  constructor(port: InboxPort, { place, knownUntil }: InboxOptions) {
    this.#port = port;
    this.#place = place;
    this.#reached = place;
    this.#knownUntil = knownUntil;
  }

  /** The last message that was taken or refused: what the next record says. */
  get place(): MailPosition {
    return this.#place;
  }

  /** What it was handed and is not through with. */
  get unread(): readonly Mail[] {
    return this.#queue;
  }

  /** Hands it a message; what it already has it passes over. */
  deliver(mail: Mail): void {
    if (this.#closed || !isBeyond(mail, this.#reached)) return;
    this.#reached = placeAfter(this.#reached, mail);
    this.#queue.push(mail);
    if (!this.#pumping) void this.#pump();
  }

  /** Takes nothing more. What is unread stays in the mailbox for whoever runs the actor next. */
  close(): void {
    this.#closed = true;
    this.#closeCurrent();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let mail = this.#queue[0]; mail; mail = this.#queue[0]) {
      failpoint('intake.read');
      await this.#take(mail);
      if (this.#closed) break;
      this.#queue.shift();
    }
    this.#pumping = false;
  }

  async #take(mail: Mail): Promise<void> {
    const { host, definition, record } = this.#port;
    const mayBeKnown = mail.at <= this.#knownUntil;
    const judgement = await this.#insist(() => judge(mail, definition, record(), host, mayBeKnown));
    if (this.#closed || !judgement) return;
    if (judgement.verdict === 'refused') {
      if (await this.#refuse(mail, judgement)) this.#forgive(mail, judgement.crashes);
    } else if (judgement.verdict === 'repeated') {
      this.#answer(mail, judgement.answer);
    } else {
      const outcome = await this.#propose(mail, judgement.command);
      if (outcome === 'taken') this.#answer(mail, { ok: true, actor: summaryOf(record()) });
      if (outcome === 'refused') await this.#refuse(mail, cannotTake(record(), judgement.command));
      // A crash or an end leaves the message unread: whoever runs the actor next meets it again.
    }
  }

  #propose(mail: Mail, command: EventObject): Promise<Verdict['outcome']> {
    return new Promise(resolve => {
      const settle = ({ outcome }: Verdict) => {
        const { poison } = this.#port.host;
        if (outcome === 'crashed') poison.set(poisonKey(mail), (poison.get(poisonKey(mail)) ?? 0) + 1);
        resolve(outcome);
      };
      this.#closeCurrent = () => resolve('late');
      this.#port.propose({ command, settle, place: placeAfter(this.#place, mail) });
    });
  }

  /** False where the inbox was closed before the refusal could be recorded: the message is unread. */
  async #refuse(mail: Mail, why: Refused): Promise<boolean> {
    const { host } = this.#port;
    const refusal = refusalOf(mail, why, timeText(host.clock.now()));
    const isRecorded = await this.#insist(() => host.refusals.record(refusal).then(() => true));
    if (!isRecorded) return false;
    const { kind, id, code, message, hint, at } = refusal;
    const command = typeOf(mail.payload);
    host.observe({ fact: 'actor.refused', kind, id, command, code, message, hint, at });
    this.#answer(mail, answerOf(refusal));
    return true;
  }

  /** A message that crashed its actor is passed, and its crashes are counted no more. */
  #forgive(mail: Mail, crashes: number | undefined): void {
    if (crashes === undefined) return;
    const { host } = this.#port;
    const { kind, id, seq } = mail;
    host.observe({ fact: 'mail.poisoned', kind, id, seq, crashes, at: timeText(host.clock.now()) });
    host.poison.delete(poisonKey(mail));
  }

  #answer(mail: Mail, answer: unknown): void {
    this.#place = placeAfter(this.#place, mail);
    if (mail.replyTo !== undefined) this.#port.host.reply(mail.replyTo, answer);
  }

  /** Asks until there is an answer; undefined once the inbox is closed. */
  async #insist<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { host } = this.#port;
    for (let tried = 1; !this.#closed; tried += 1) {
      try {
        return await ask();
      } catch (error) {
        if (!isUnavailable(error)) this.#tell(error);
        await new Promise<void>(resolve => {
          host.clock.alarm(host.clock.now() + backoffMs(retry, tried, host.random()), resolve);
          this.#closeCurrent = resolve;
        });
      }
    }
    return undefined;
  }

  #tell(error: unknown): void {
    const { host, record } = this.#port;
    const where = `mail of ${record().kind} ${record().id}`;
    host.observe(defectOf(where, error, timeText(host.clock.now())));
  }
}

function cannotTake(record: ActorRecord, command: EventObject): Refused {
  const hint = record.canTake.length > 0 ? `it can take: ${record.canTake.join(', ')}` : 'it takes no command now';
  const message = `${record.kind} ${record.id} cannot take ${command.type}: it is ${record.state}`;
  return { code: 'refused', message, hint };
}
