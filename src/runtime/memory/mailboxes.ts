/** Mailboxes in memory, with the promises of the durable ones while the process lives. */
import { AnswerError } from '../../core/answer-error.ts';
import { isBeyond, type Mail, type Mailboxes } from '../mailboxes.ts';
import { keyOf, type MailPosition } from '../record.ts';

/** How many messages a box holds before it refuses. */
const boxMax = 1_000;

export class MemoryMailboxes implements Mailboxes {
  readonly #boxes = new Map<string, Mail[]>();
  readonly #followers = new Set<(mail: Mail) => void>();
  readonly #now: () => number;
  #seq = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async send(
    kind: string,
    id: string,
    payload: Uint8Array,
    options: { replyTo?: string } = {},
  ): Promise<{ seq: number }> {
    const key = keyOf({ kind, id });
    const box = this.#boxes.get(key) ?? [];
    if (box.length >= boxMax)
      throw new AnswerError(
        'refused',
        `the mailbox of ${kind}/${id} is full: ${boxMax} messages wait in it`,
        'its agent is away or behind: see reeve explain, and send again later',
      );
    this.#seq += 1;
    const at = new Date(this.#now()).toISOString();
    const mail: Mail = { kind, id, seq: this.#seq, at, payload, replyTo: options.replyTo };
    box.push(mail);
    this.#boxes.set(key, box);
    for (const deliver of [...this.#followers]) queueMicrotask(() => this.#followers.has(deliver) && deliver(mail));
    return { seq: mail.seq };
  }

  async unread(kind: string, id: string, after: MailPosition): Promise<Mail[]> {
    return (this.#boxes.get(keyOf({ kind, id })) ?? []).filter(mail => isBeyond(mail, after));
  }

  async follow(deliver: (mail: Mail) => void): Promise<() => void> {
    const kept = [...this.#boxes.values()].flat().sort((one, other) => one.seq - other.seq);
    for (const mail of kept) deliver(mail);
    const follower = (mail: Mail) => deliver(mail);
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  async purge(kind: string, id: string, upTo: MailPosition): Promise<void> {
    const key = keyOf({ kind, id });
    const box = this.#boxes.get(key);
    if (!box?.some(mail => mail.seq === upTo.seq && mail.at === upTo.at)) return;
    this.#boxes.set(
      key,
      box.filter(mail => mail.seq >= upTo.seq),
    );
  }
}
