/** The catalog: what is known of each backup that is complete. One entry a backup, changed by compare-and-set. */

/** What the commit slot of a run holds: decided once, by an exclusive create. */
export type SlotContent =
  | { slot: 'manifest'; run: string; manifest: string; outcome: 'completed' | 'partial'; at: string }
  | { slot: 'void'; run: string; epoch: number; at: string };

export interface CatalogEntry {
  id: string;
  plan: string;
  outcome: 'completed' | 'partial';
  completedAt: string;
  bytes: number;
  files: number;
  /** The repository as the plan names it: a name, or the path. */
  repository: string;
  position: unknown;
  locked: boolean;
  deleting: boolean;
  verifiedAt: string | null;
  /** When a drill last restored it and found it as it was backed up; null or absent where none did. */
  lastVerifiedRestore?: string | null;
  window: { from: string; to: string } | null;
  /** What its commit slot names: the manifest's sha256, or what another engine calls the backup. */
  manifest: string;
}

/** The last drill of a plan that brought a backup back as it was; it outlives the backup. */
export interface PlanDrilled {
  plan: string;
  backup: string;
  at: string;
}

export interface Catalog {
  /** Decides the commit slot of a run whose repository keeps none, by an exclusive create; resolves with what it holds. */
  settle(wanted: SlotContent): Promise<SlotContent>;
  get(id: string): Promise<CatalogEntry | undefined>;
  /** Entries of one plan, or of all, newest first. */
  list(plan?: string): Promise<CatalogEntry[]>;
  /** Creates the entry of a backup whose slot says that it exists; one that is there already is left as it is. */
  add(entry: CatalogEntry): Promise<void>;
  /** Changes an entry by compare-and-set: `change` may be asked again with a newer one. Undefined where there is none. */
  update(id: string, change: (entry: CatalogEntry) => CatalogEntry): Promise<CatalogEntry | undefined>;
  /** Notes a drill that succeeded; an older one than the plan has already changes nothing. */
  drilled(drill: PlanDrilled): Promise<void>;
  /** The last drill that succeeded of each plan that has one. */
  drills(): Promise<PlanDrilled[]>;
}
