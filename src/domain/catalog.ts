/** The catalog: what is known of each backup that is complete. One entry a backup, changed by compare-and-set. */
import type { Reason } from './reasons.ts';

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
  /** Somebody locked it; whether that still holds is told by `isLocked`. */
  locked: boolean;
  /** What whoever locked it said; absent in an entry that never was. */
  lock?: Lock | null;
  /** Requests to lock or unlock it that took effect, the newest last. */
  requests?: string[];
  /** A prune has decided to remove it: from here on it is no restore point, and cannot be locked. */
  deleting: boolean;
  /** When it was removed (RFC 3339). Such an entry says no more than that, and goes some days later. */
  deletedAt?: string | null;
  /** Why it is partial; absent in what an older version wrote. */
  reason?: Reason | null;
  verifiedAt: string | null;
  /** When a drill last restored it and found it as it was backed up; null or absent where none did. */
  lastVerifiedRestore?: string | null;
  window: { from: string; to: string } | null;
  /** What its commit slot names: the manifest's sha256, or what another engine calls the backup. */
  manifest: string;
}

export interface Lock {
  /** When it ends by itself (RFC 3339); null where somebody has to end it. */
  until: string | null;
  /** A person's words. */
  note: string | null;
}

/** True while a lock holds. */
export function isLocked({ locked, lock }: Pick<CatalogEntry, 'locked' | 'lock'>, nowMs: number): boolean {
  return locked && (lock?.until == null || Date.parse(lock.until) > nowMs);
}

/** Undefined leaves the entry as it is. */
export type EntryChange = (entry: CatalogEntry) => CatalogEntry | undefined;

/** The last drill of a plan that brought a backup back as it was; it outlives the backup. */
export interface PlanDrilled {
  plan: string;
  backup: string;
  at: string;
}

export interface Catalog {
  /** Decides the commit slot of a run whose repository keeps none, by an exclusive create; resolves with what it holds. */
  settle(wanted: SlotContent): Promise<SlotContent>;
  /** The entry of a backup that exists, also while it is being deleted. */
  get(id: string): Promise<CatalogEntry | undefined>;
  /** Those of one plan, or of all, newest first. */
  list(plan?: string): Promise<CatalogEntry[]>;
  /** The entries of backups that were deleted, as long as they are kept. */
  deleted(): Promise<CatalogEntry[]>;
  /** Forgets a deleted backup, and the slot that the catalog kept for it. */
  forget(id: string): Promise<void>;
  /** Creates the entry of a backup whose slot says that it exists; one that is there already, or was deleted, is left as it is. */
  add(entry: CatalogEntry): Promise<void>;
  /**
   * Changes an entry by compare-and-set: `change` may be asked again with a newer one, also one that was deleted, and what
   * it throws, or undefined, changes nothing. Resolves with the entry as it then is; undefined where there is none.
   */
  update(id: string, change: EntryChange): Promise<CatalogEntry | undefined>;
  /** Notes a drill that succeeded; an older one than the plan has already changes nothing. */
  drilled(drill: PlanDrilled): Promise<void>;
  /** The last drill that succeeded of each plan that has one. */
  drills(): Promise<PlanDrilled[]>;
}
