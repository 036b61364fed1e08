/** The fates of ticks, in an append-only stream: of several for one tick the newest holds. */
import { fateMessageId, type TickFate } from '../domain/fate.ts';
import type { Link } from './connection.ts';
import { publish } from './jetstream.ts';
import type { Names } from './names.ts';
import { patiently } from './patience.ts';
import { readStream } from './stream-read.ts';

export interface FatesWanted {
  schedule?: string | undefined;
  plan?: string | undefined;
  /** RFC 3339; of the ticks. */
  since?: string | undefined;
  until?: string | undefined;
  limit?: number | undefined;
}

export class NatsFates {
  readonly #link: Link;
  readonly #names: Names;

  constructor(link: Link, names: Names) {
    this.#link = link;
    this.#names = names;
  }

  /** Stores a fate; a repeat is stored once. Rejects with `unavailable` where it cannot be known to be stored. */
  async append(fate: TickFate): Promise<void> {
    const subject = `${this.#names.prefix}.fate.${fate.schedule}.${fate.plan}`;
    const options = { timeoutMs: 1_000, messageId: fateMessageId(fate) };
    await patiently('the fates', () => publish(this.#link, subject, JSON.stringify(fate), options));
  }

  /** Newest first. */
  async list({ schedule = '*', plan = '*', since = '', until = '~', limit = 1_000 }: FatesWanted): Promise<TickFate[]> {
    return await patiently('the fates', async () => {
      const found: TickFate[] = [];
      const filter = `${this.#names.prefix}.fate.${schedule}.${plan}`;
      await readStream(this.#link, this.#names.fatesStream, { filter, from: 'all' }, ({ data }) => {
        const fate = JSON.parse(Buffer.from(data).toString()) as TickFate;
        if (fate.tick >= since && fate.tick <= until) found.push(fate);
        return true;
      });
      return found.reverse().slice(0, limit);
    });
  }
}
