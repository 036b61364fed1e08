/**
 * The catalog in its bucket: one entry a backup under `backup.<id>`, under `slot.<id>` commit slots that no repository
 * keeps, and under `drill.<plan>` the last drill of a plan that succeeded.
 */
import type { Catalog, CatalogEntry, EntryChange, PlanDrilled, SlotContent } from '../domain/catalog.ts';
import type { Link } from './connection.ts';
import { Documents } from './documents.ts';
import type { Names } from './names.ts';

export class NatsCatalog implements Catalog {
  readonly #documents: Documents<CatalogEntry>;
  readonly #slots: Documents<SlotContent>;
  readonly #drills: Documents<PlanDrilled>;

  constructor(link: Link, names: Names) {
    this.#documents = new Documents(link, names.catalogBucket, 'the catalog');
    this.#slots = new Documents(link, names.catalogBucket, 'the commit slots');
    this.#drills = new Documents(link, names.catalogBucket, 'the drills');
  }

  async settle(wanted: SlotContent): Promise<SlotContent> {
    const held = await this.#slots.change(`slot.${wanted.run}`, now => (now ? undefined : wanted));
    return held ?? wanted;
  }

  async get(id: string): Promise<CatalogEntry | undefined> {
    const entry = (await this.#documents.read(keyOf(id)))?.document;
    return entry && exists(entry) ? entry : undefined;
  }

  async list(plan?: string): Promise<CatalogEntry[]> {
    const entries = await this.#documents.list('backup.');
    return entries
      .filter(entry => exists(entry) && (plan === undefined || entry.plan === plan))
      .sort((one, other) => (one.completedAt < other.completedAt ? 1 : -1));
  }

  async deleted(): Promise<CatalogEntry[]> {
    return (await this.#documents.list('backup.')).filter(entry => !exists(entry));
  }

  async forget(id: string): Promise<void> {
    await this.#slots.purge(`slot.${id}`);
    await this.#documents.purge(keyOf(id));
  }

  async add(entry: CatalogEntry): Promise<void> {
    await this.#documents.change(keyOf(entry.id), now => (now ? undefined : entry));
  }

  async update(id: string, change: EntryChange): Promise<CatalogEntry | undefined> {
    return this.#documents.change(keyOf(id), now => now && change(now));
  }

  async drilled(drill: PlanDrilled): Promise<void> {
    await this.#drills.change(`drill.${drill.plan}`, now => (now && now.at >= drill.at ? undefined : drill));
  }

  drills(): Promise<PlanDrilled[]> {
    return this.#drills.list('drill.');
  }
}

function exists({ deletedAt }: CatalogEntry): boolean {
  return deletedAt == null;
}

function keyOf(id: string): string {
  return `backup.${id}`;
}
