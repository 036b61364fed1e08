/**
 * The fates of ticks, in a stream that they are only appended to.
 *
 * 1. A repeat within two minutes is stored once, by its message id; one that comes later is stored again, and listed once.
 * 2. Of several fates of one tick the last one appended holds. That it was queued is told before what became of it: one
 *    that comes after that is a repeat.
 */
import { fateMessageId, type TickFate } from '../domain/fate.ts';
import type { FateStore, FatesWanted } from '../domain/fate-store.ts';
import type { Link } from './connection.ts';
import { publish } from './jetstream.ts';
import type { Names } from './names.ts';
import { patiently } from './patience.ts';
import { type Reading, readStream } from './stream-read.ts';

const listedMax = 1_000;
/** How long before its tick a fate may have been stored: by an agent whose clock was ahead. */
const aheadMs = 2 * 86_400_000;

export class NatsFates implements FateStore {
  readonly #link: Link;
  readonly #names: Names;

  constructor(link: Link, names: Names) {
    this.#link = link;
    this.#names = names;
  }

  async append(fate: TickFate): Promise<void> {
    const subject = this.#names.fate(fate.schedule, fate.plan);
    const options = { timeoutMs: 1_000, messageId: fateMessageId(fate) };
    await patiently('the fates', () => publish(this.#link, subject, JSON.stringify(fate), options));
  }

  list({ schedule = '*', plan = '*', since, until, limit = listedMax }: FatesWanted = {}): Promise<TickFate[]> {
    const from: Reading['from'] = since === undefined ? 'all' : { atMs: Date.parse(since) - aheadMs };
    const reading = { filter: this.#names.fate(schedule, plan), from };
    return patiently('the fates', async () => {
      const newest = new NewestTicks(limit);
      await readStream(this.#link, this.#names.fatesStream, reading, ({ data }) => {
        const fate = JSON.parse(Buffer.from(data).toString()) as TickFate;
        if ((since === undefined || fate.tick >= since) && (until === undefined || fate.tick <= until))
          newest.take(fate);
        return true;
      });
      return newest.list();
    });
  }
}

/** The newest ticks of any number that pass by, with their last fates; it holds few more than are wanted. */
class NewestTicks {
  readonly #limit: number;
  #fates = new Map<string, TickFate>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(fate: TickFate): void {
    const key = `${fate.schedule}--${fate.plan}/${fate.tick}`;
    if (fate.fate === 'queued' && this.#fates.has(key)) return;
    this.#fates.set(key, fate);
    // A tick that is not among the newest now never comes to be.
    if (this.#fates.size >= 2 * this.#limit) this.#fates = new Map(this.#sorted().slice(0, this.#limit));
  }

  list(): TickFate[] {
    return this.#sorted()
      .slice(0, this.#limit)
      .map(([, fate]) => fate);
  }

  #sorted(): [string, TickFate][] {
    return [...this.#fates].sort(([, one], [, other]) => (one.tick < other.tick ? 1 : -1));
  }
}
