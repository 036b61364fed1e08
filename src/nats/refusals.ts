/** The messages that had no effect, one subject a refusal, in a bounded stream: the oldest go first. */
import type { Refusal, Refusals } from '../runtime/mailboxes.ts';
import type { Link } from './connection.ts';
import { isOvertaken, publish, readMessage } from './jetstream.ts';
import type { Names } from './names.ts';
import { patiently } from './patience.ts';

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
      await patiently('the refusals', () => publish(this.#link, subject, payload, { timeoutMs: 1_000, after: 0 }));
    } catch (error) {
      // It is there already: recorded once for a token.
      if (isOvertaken(error)) return;
      throw error;
    }
  }

  async find(kind: string, id: string, token: string): Promise<Refusal | undefined> {
    const query = { last_by_subj: this.#names.refusal(kind, id, token) };
    const kept = await patiently('the refusals', () => readMessage(this.#link, this.#names.refusedStream, query));
    return kept && (JSON.parse(Buffer.from(kept.data).toString()) as Refusal);
  }
}
