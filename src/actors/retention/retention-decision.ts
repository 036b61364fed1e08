/** What the retention of a plan says of its backups now: the rules of the domain, and what only an agent can know. */
import { type CatalogEntry, isLocked } from '../../domain/catalog.ts';
import type { Plan } from '../../domain/plan.ts';
import { type Decision, decide } from '../../domain/retention.ts';
import { runOf } from '../../domain/run.ts';
import type { RecordStore } from '../../runtime/record-store.ts';
import { repositoryName } from '../plans/places.ts';

/** The runs that read a backup, by the id of the backup: it stays as long as they do. */
export type Readers = ReadonlyMap<string, string>;

/** Judges all backups of a plan, newest first. `readers` and another repository than the plan's keep what the rules do not. */
export function decideFor(
  plan: Pick<Plan, 'repository' | 'retention'>,
  entries: readonly CatalogEntry[],
  readers: Readers,
  nowMs: number,
): Decision[] {
  const byId = new Map(entries.map(entry => [entry.id, entry]));
  return decide(plan.retention, entries, nowMs).map(decision => {
    const entry = byId.get(decision.id);
    if (decision.keep || !entry) return decision;
    const why =
      entry.repository !== repositoryName(plan) ? elsewhere(entry) : entry.deleting ? undefined : readers.get(entry.id);
    return why === undefined ? decision : { id: decision.id, keep: true, reasons: [why] };
  });
}

/** Reads which backups are being read now. */
export async function readersOf(store: RecordStore): Promise<Readers> {
  const readers = new Map<string, string>();
  for (const kind of ['restore', 'verify', 'drill'])
    for await (const { record } of store.list(kind)) {
      const { restore, id } = runOf(record);
      if (!record.final && restore) readers.set(restore.backup, `${kind} ${id} reads it`);
    }
  return readers;
}

/** Why a backup cannot be deleted; undefined where nothing stands in the way. */
export function heldBy(entry: CatalogEntry, readers: Readers, nowMs: number): string | undefined {
  if (!isLocked(entry, nowMs)) return readers.get(entry.id);
  const { lock } = entry;
  return `it is locked${lock?.until == null ? '' : ` until ${lock.until}`}${lock?.note ? `: ${lock.note}` : ''}`;
}

function elsewhere({ repository }: CatalogEntry): string {
  return `it lies in the repository ${repository}, which is not the plan's any more`;
}
