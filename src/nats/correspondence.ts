/** Asking an actor: a command to its mailbox, and its outcome, which comes to an inbox of ours. */
import { randomUUID } from 'node:crypto';
import { AnswerError } from '../core/answer-error.ts';
import type { Mailboxes } from '../runtime/mailboxes.ts';
import type { Link } from './connection.ts';
import { listen } from './listen.ts';

export class Correspondence {
  readonly #link: Link;
  readonly #mailboxes: Mailboxes;
  readonly #inbox = `_INBOX.${randomUUID()}`;
  readonly #asked = new Map<string, (answer: unknown) => void>();
  #count = 0;

  constructor(link: Link, mailboxes: Mailboxes) {
    this.#link = link;
    this.#mailboxes = mailboxes;
    listen(link, `${this.#inbox}.*`, message => {
      const answer = parsed(message.string());
      if (answer !== undefined) this.#asked.get(message.subject.slice(this.#inbox.length + 1))?.(answer);
    });
  }

  /**
   * Puts `command` into a mailbox and resolves with the actor's answer, `{ok: true, ...}` or `{ok: false, error}`. Rejects
   * with an AnswerError: as `send` does, or `unavailable` when no outcome came in time: the command then stands in the
   * mailbox, and will be taken or refused.
   */
  async ask(kind: string, id: string, command: object, withinMs: number): Promise<unknown> {
    this.#count += 1;
    const token = String(this.#count);
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#asked.set(token, resolve);
      timer = setTimeout(() => reject(noOutcome(kind, id, withinMs)), withinMs);
    });
    try {
      const payload = Buffer.from(JSON.stringify(command));
      const sent = this.#mailboxes.send(kind, id, payload, { replyTo: `${this.#inbox}.${token}` });
      await Promise.race([sent, answered]); // a rejected send is the answer; one that is slow to say so is not waited for
      return await answered;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(token);
      answered.catch(() => undefined);
    }
  }

  /**
   * Asks a command that every agent hears, and resolves with the first answer; rejects with `unavailable` where none comes
   * in time.
   */
  async askAgents(subject: string, input: object, withinMs: number): Promise<unknown> {
    if (!this.#link.isUp) throw new AnswerError('unavailable', `NATS is away: nobody was asked ${subject}`, '');
    try {
      const answer = await this.#link.connection.request(subject, JSON.stringify(input), { timeout: withinMs });
      return parsed(answer.string());
    } catch (cause) {
      throw new AnswerError('unavailable', `nobody answered ${subject}`, 'the agent may be away', { cause });
    }
  }

  /** Sends an actor's outcome to whoever asked. Best effort. What was asked here needs no way through the server. */
  reply = (to: string, answer: unknown): void => {
    const asked = to.startsWith(`${this.#inbox}.`) && this.#asked.get(to.slice(this.#inbox.length + 1));
    if (asked) asked(answer);
    else if (this.#link.isUp) this.#link.connection.publish(to, JSON.stringify(answer));
  };
}

/** Anybody may publish to an inbox: what is no JSON is no answer. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function noOutcome(kind: string, id: string, withinMs: number): AnswerError {
  const hint = `it is stored and will be taken or refused once its agent reads it: see reeve history ${kind}/${id}`;
  return new AnswerError('unavailable', `${kind} ${id} did not answer within ${withinMs} ms`, hint);
}
