/**
 * What is known of the backups and drills of each plan, without reading all of it each time: all records once and whenever
 * it was in doubt, of a backup that ended its own record and entry, after a drill the drills.
 */
import type { CatalogEntry } from '../../domain/catalog.ts';
import { type BackupsOfPlan, type EndedRun, lastRuns, newestComplete } from '../../domain/overdue.ts';
import { runOf } from '../../domain/run.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { recordsOf } from '../commands/records.ts';

type Stores = Pick<AgentParts, 'store' | 'catalog'>;

export class KnownBackups {
  readonly #stores: Stores;
  #last = new Map<string, EndedRun[]>();
  /** When the newest complete backup of each plan was complete, and when its last drill succeeded. */
  #completed = new Map<string, string>();
  #drilled = new Map<string, string>();

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  of(plan: string): BackupsOfPlan {
    return {
      completedAt: this.#completed.get(plan) ?? null,
      drilledAt: this.#drilled.get(plan) ?? null,
      last: this.#last.get(plan) ?? [],
    };
  }

  async learnAll(): Promise<void> {
    const [records] = await Promise.all([recordsOf(this.#stores.store, 'backup'), this.learnCatalog()]);
    this.#last = lastRuns(records.flatMap(({ record }) => endedRun(record)));
  }

  async learnCatalog(): Promise<void> {
    const [entries] = await Promise.all([this.#stores.catalog.list(), this.learnDrills()]);
    this.#completed = newestComplete(entries);
  }

  async learnDrills(): Promise<void> {
    const drills = await this.#stores.catalog.drills();
    this.#drilled = new Map(drills.map(({ plan, at }) => [plan, at]));
  }

  /** Takes a backup in that ended. */
  async learn(id: string): Promise<void> {
    const { store, catalog } = this.#stores;
    const stored = await store.read('backup', id);
    const [run] = stored ? endedRun(stored.record) : [];
    if (!run) return;
    this.#last = lastRuns([...[...this.#last.values()].flat(), run]);
    const entry = run.ending === 'completed' ? await catalog.get(id) : undefined;
    if (entry) this.#completed = newestComplete([...asEntries(this.#completed), entry]);
  }
}

function endedRun(record: ActorRecord): EndedRun[] {
  return record.final ? [runOf(record)] : [];
}

function asEntries(completed: ReadonlyMap<string, string>): Pick<CatalogEntry, 'plan' | 'outcome' | 'completedAt'>[] {
  return [...completed].map(([plan, completedAt]) => ({ plan, completedAt, outcome: 'completed' }));
}
