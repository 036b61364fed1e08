/** The messages that had no effect, one subject a refusal, in a bounded stream: the oldest go first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerError } from '../core/answer-error.ts';
import type { Refusal, Refusals } from '../runtime/mailboxes.ts';
import type { Link } from './connection.ts';
import { isTransient, JetStreamRefusal, publish, readMessage, refusals } from './jetstream.ts';
import type { Names } from './names.ts';

const triesMax = 5;

export class NatsRefusals implements Refusals {
  readonly #link: Link;
  readonly #names: Names;

  constructor(link: Link, names: Names) {
    this.#link = link;
    this.#names = names;
  }

  async record(refusal: Refusal): Promise<void> {
    const subject = this.#names.refusal(refusal.kind, refusal.id, refusal.token);
    const payload = JSON.stringify(refusal);
    try {
      await this.#ask(() => publish(this.#link, subject, payload, { timeoutMs: 1_000, after: 0 }));
    } catch (error) {
      // It is there already: recorded once for a token.
      if (error instanceof JetStreamRefusal && error.code === refusals.wrongLastSequence) return;
      throw error;
    }
  }

  async find(kind: string, id: string, token: string): Promise<Refusal | undefined> {
    const query = { last_by_subj: this.#names.refusal(kind, id, token) };
    const kept = await this.#ask(() => readMessage(this.#link, this.#names.refusedStream, query));
    return kept && (JSON.parse(Buffer.from(kept.data).toString()) as Refusal);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await question();
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (tried >= triesMax)
          throw new AnswerError('unavailable', 'NATS does not answer for the refusals', 'try again once it is back', {
            cause: error,
          });
        await sleep(100 * tried);
      }
    }
  }
}
