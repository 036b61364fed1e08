/**
 * Mailboxes in one stream, a subject each. A publish that was acknowledged is stored; a full box refuses.
 *
 * 1. The newest message of a box is never purged, so the stream's last message always stands, and a server that is
 *    killed right after a purge goes on counting behind it.
 * 2. A purge first finds the message that it goes up to, by sequence and time: a place of an earlier life of the stream
 *    removes nothing.
 */
import { AnswerError } from '../core/answer-error.ts';
import { isId } from '../core/ids.ts';
import { isBeyond, type Mail, type Mailboxes } from '../runtime/mailboxes.ts';
import type { MailPosition } from '../runtime/record.ts';
import type { Link } from './connection.ts';
import {
  countOf,
  isUntaken,
  JetStreamRefusal,
  type Kept,
  publish,
  purgeBefore,
  readMessage,
  refusals,
} from './jetstream.ts';
import type { Names } from './names.ts';
import { openFeed } from './ordered-feed.ts';
import { patiently } from './patience.ts';
import { mailboxMax } from './stream-config.ts';
import { readStream } from './stream-read.ts';

/** The header that names where the sender wants the outcome. */
export const replyHeader = 'Reeve-Reply';

const sendTimeoutMs = 2_000;
/** What a message's headers may take of its room. */
const headBytesMax = 4_096;

export class NatsMailboxes implements Mailboxes {
  readonly #link: Link;
  readonly #names: Names;

  constructor(link: Link, names: Names) {
    this.#link = link;
    this.#names = names;
  }

  async send(
    kind: string,
    id: string,
    payload: Uint8Array,
    options: { replyTo?: string } = {},
  ): Promise<{ seq: number }> {
    if (!isId(kind) || !isId(id))
      throw new AnswerError('invalid', 'the message names no actor', 'name its kind and id');
    const bytesMax = (this.#link.connection.info?.max_payload ?? 2 ** 20) - headBytesMax;
    if (payload.length > bytesMax)
      throw new AnswerError('invalid', `the message has ${payload.length} bytes, more than ${bytesMax}`, 'send less');
    if (!this.#link.isUp) throw away('NATS is away, and the message was not sent', undefined);
    const extra = options.replyTo === undefined ? {} : { [replyHeader]: options.replyTo };
    try {
      const subject = this.#names.mailbox(kind, id);
      const ack = await publish(this.#link, subject, payload, { timeoutMs: sendTimeoutMs, extra });
      return { seq: ack.seq };
    } catch (error) {
      if (error instanceof JetStreamRefusal) throw await this.#refusalOf(kind, id, error);
      if (isUntaken(error)) throw away('NATS keeps no mail just now, and the message was not stored', error);
      throw away('it is not known whether the message was stored', error);
    }
  }

  /** JetStream says no with one number to a full box and to a full disk, so the box is counted. */
  async #refusalOf(kind: string, id: string, cause: JetStreamRefusal): Promise<AnswerError> {
    const subject = this.#names.mailbox(kind, id);
    const count = await countOf(this.#link, this.#names.mailStream, subject).catch(() => 0);
    if (cause.code === refusals.storeFailed && count >= mailboxMax) return full(kind, id, cause);
    return away(`JetStream refused the message, which was not stored: ${cause.message}`, cause);
  }

  async unread(kind: string, id: string, after: MailPosition): Promise<Mail[]> {
    if (!isId(kind) || !isId(id)) return [];
    const subject = this.#names.mailbox(kind, id);
    return patiently('the mailboxes', async () => {
      const newest = await readMessage(this.#link, this.#names.mailStream, { last_by_subj: subject });
      if (!newest || !isBeyond(mailOf(newest), after)) return [];
      const found: Mail[] = [];
      await readStream(this.#link, this.#names.mailStream, { filter: subject, from: 'all' }, message => {
        const mail = mailOf(message);
        if (isBeyond(mail, after)) found.push(mail);
        return message.seq < newest.seq;
      });
      return found;
    });
  }

  follow(deliver: (mail: Mail) => void): Promise<() => void> {
    return openFeed(this.#link, {
      stream: this.#names.mailStream,
      filter: this.#names.mailbox('*', '*'),
      from: 'all',
      afterLoss: 'repeat',
      deliver: message => deliver(mailOf(message)),
    });
  }

  async purge(kind: string, id: string, upTo: MailPosition): Promise<void> {
    if (upTo.seq <= 0 || !isId(kind) || !isId(id)) return;
    const subject = this.#names.mailbox(kind, id);
    await patiently('the mailboxes', async () => {
      const marked = await readMessage(this.#link, this.#names.mailStream, { seq: upTo.seq });
      if (!marked || marked.subject !== subject || mailOf(marked).at !== upTo.at) return;
      await purgeBefore(this.#link, this.#names.mailStream, subject, upTo.seq);
    });
  }
}

function mailOf(message: Kept): Mail {
  const tokens = message.subject.split('.');
  const replyTo = message.header(replyHeader);
  return {
    kind: tokens.at(-2) ?? '',
    id: tokens.at(-1) ?? '',
    seq: message.seq,
    at: new Date(message.atMs).toISOString(),
    payload: message.data,
    replyTo: replyTo === '' ? undefined : replyTo,
  };
}

function full(kind: string, id: string, cause: unknown): AnswerError {
  return new AnswerError(
    'refused',
    `the mailbox of ${kind}/${id} is full: ${mailboxMax} messages wait in it`,
    'its agent is away or behind: see reeve explain, and send again later',
    { cause },
  );
}

function away(message: string, cause: unknown): AnswerError {
  return new AnswerError('unavailable', message, 'send it again with the same requestId once NATS is back', { cause });
}
