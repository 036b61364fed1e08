/**
 * The catalog as runs see it: a backup is entered whether NATS is there or not.
 *
 * 1. A backup exists by its commit slot, so its entry can only be late, never refused: while NATS is away it goes to a
 *    synced journal in the data directory, and into the catalog once NATS is back, or at the agent's next start.
 * 2. What has to be read waits until NATS is back, or the signal is aborted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable } from '../core/answer-error.ts';
import { orAborted } from '../core/or-aborted.ts';
import type { Catalog, CatalogEntry, EntryChange, PlanDrilled, SlotContent } from '../domain/catalog.ts';
import type { JournalFile } from '../runtime/journal-file.ts';
import type { Link } from '../runtime/link.ts';

export interface JournalledCatalogOptions {
  catalog: Catalog;
  journal: JournalFile;
  link: Link;
  /** Told of an error that is not NATS being away; the entry is tried again. */
  onTrouble: (error: unknown) => void;
  /** How long an entry may be under way while the link seems up. Default 2000. */
  patienceMs?: number;
  /** How often what is late is tried again. Default 1000. */
  againEveryMs?: number;
}

export class JournalledCatalog {
  readonly #options: Required<JournalledCatalogOptions>;
  #late: CatalogEntry[] = [];
  #entering: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #unwatch: () => void;

  constructor(options: JournalledCatalogOptions) {
    this.#options = { patienceMs: 2_000, againEveryMs: 1_000, ...options };
    this.#unwatch = options.link.watch(isUp => isUp && this.#soon(0));
  }

  /** Takes up what an earlier incarnation left, and enters it as soon as it can be. */
  async recover(): Promise<void> {
    this.#late = (await this.#options.journal.read()) as CatalogEntry[];
    if (this.#late.length > 0) this.#soon(0);
  }

  /** How many entries are not in the catalog yet. */
  get late(): number {
    return this.#late.length;
  }

  /** Resolves when the entry is in the catalog or in the journal. Rejects where the journal's disk takes nothing. */
  async add(entry: CatalogEntry): Promise<void> {
    const { catalog, journal, link, patienceMs } = this.#options;
    if (link.isUp) {
      const adding = catalog.add(entry).then(() => true);
      const isIn = await Promise.race([adding, sleep(patienceMs, false, { ref: false })]).catch(ifAway(false));
      adding.catch(() => undefined);
      if (isIn) return;
    }
    await journal.append(entry);
    this.#late.push(entry);
    this.#soon(this.#options.againEveryMs);
  }

  /** Decides a commit slot that the catalog keeps: waits until NATS is back, for nobody else can say what it holds. */
  settle(wanted: SlotContent, signal: AbortSignal): Promise<SlotContent> {
    return this.#onceThere(() => this.#options.catalog.settle(wanted), signal);
  }

  get(id: string, signal: AbortSignal): Promise<CatalogEntry | undefined> {
    return this.#onceThere(() => this.#options.catalog.get(id), signal);
  }

  list(plan: string, signal: AbortSignal): Promise<CatalogEntry[]> {
    return this.#onceThere(() => this.#options.catalog.list(plan), signal);
  }

  update(id: string, change: EntryChange, signal: AbortSignal): Promise<CatalogEntry | undefined> {
    return this.#onceThere(() => this.#options.catalog.update(id, change), signal);
  }

  drilled(drill: PlanDrilled, signal: AbortSignal): Promise<void> {
    return this.#onceThere(() => this.#options.catalog.drilled(drill), signal);
  }

  /** Ends the tries; what is late stays in the journal for the next incarnation. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unwatch();
    clearTimeout(this.#timer);
    await this.#options.journal.close();
  }

  #soon(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#entering ??= this.#enterLate().finally(() => {
        this.#entering = undefined;
        if (this.#late.length > 0) this.#soon(this.#options.againEveryMs);
      });
    }, inMs);
  }

  async #enterLate(): Promise<void> {
    const { catalog, journal, link, onTrouble } = this.#options;
    if (this.#late.length === 0 || !link.isUp) return;
    try {
      for (let entry = this.#late[0]; entry && !this.#closed; entry = this.#late[0]) {
        await catalog.add(entry);
        this.#late.shift();
      }
      if (!this.#closed) await journal.replace(() => this.#late);
    } catch (error) {
      if (!isUnavailable(error)) onTrouble(error);
    }
  }

  #onceThere<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return onceThere(ask, signal, this.#options.againEveryMs);
  }
}

/** Asks again while NATS is away, until there is an answer or the signal is aborted. */
export async function onceThere<T>(ask: () => Promise<T>, signal: AbortSignal, againEveryMs = 1_000): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await orAborted(ask(), signal);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      await sleep(againEveryMs, undefined, { signal });
    }
  }
}

function ifAway<T>(value: T): (error: unknown) => T {
  return error => {
    if (isUnavailable(error)) return value;
    throw error;
  };
}
