/** Removes mail ten minutes after it was read: once a minute, for the actors whose place moved. The newest message stays. */
import type { Clock } from '../core/clock.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { ActorRecord, MailPosition } from './record.ts';
import { keyOf } from './record.ts';

/** How long read mail is kept. */
export const keptMs = 10 * 60_000;
const everyMs = 60_000;

interface Read {
  kind: string;
  id: string;
  place: MailPosition;
  dueMs: number;
}

export class MailPurger {
  readonly #mailboxes: Mailboxes;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  /** By actor and place, in the order in which they are due. */
  readonly #read = new Map<string, Read>();
  #takeAlarmBack: () => void = () => undefined;

  constructor(mailboxes: Mailboxes, clock: Clock, onError: (error: unknown) => void) {
    this.#mailboxes = mailboxes;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Takes note of where a record says that its mailbox is read up to. */
  note({ kind, id, mail }: Pick<ActorRecord, 'kind' | 'id' | 'mail'>): void {
    if (mail.seq === 0) return;
    const token = `${keyOf({ kind, id })}/${mail.seq}`;
    if (this.#read.has(token)) return;
    if (this.#read.size === 0) this.#arm();
    this.#read.set(token, { kind, id, place: mail, dueMs: this.#clock.now() + keptMs });
  }

  close(): void {
    this.#takeAlarmBack();
    this.#read.clear();
  }

  #arm(): void {
    this.#takeAlarmBack = this.#clock.alarm(this.#clock.now() + everyMs, () => void this.#purge());
  }

  async #purge(): Promise<void> {
    const now = this.#clock.now();
    for (const [token, { kind, id, place, dueMs }] of this.#read) {
      if (dueMs > now) break;
      this.#read.delete(token);
      await this.#mailboxes.purge(kind, id, place).catch(this.#onError);
    }
    if (this.#read.size > 0) this.#arm();
  }
}
