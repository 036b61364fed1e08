/**
 * The work of a prune: it decides which backups go, says so in the catalog, lets the engine remove exactly those, and
 * says that they are gone.
 *
 * 1. Lock and prune meet in the entry of the backup: what is locked cannot become `deleting`, what is `deleting` cannot be
 *    locked. No byte goes before the entry says `deleting`, and no entry goes back from it.
 * 2. What the engine is to remove is written into the run's directory once the entries say so: an attempt that goes on
 *    removes the same. Where that is lost, a new decision finds what was condemned before.
 * 3. What a prune that died had condemned is removed by the next one.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import { failpoint } from '../../core/failpoint.ts';
import { timeText } from '../../core/time-text.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import type { Decision } from '../../domain/retention.ts';
import type { RunContext, TransferOutput } from '../../domain/run.ts';
import type { DoomedBackup, PruneOutput, Work } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent } from '../../engines/failures.ts';
import type { RunDirectory } from '../../runner/run-directory.ts';
import type { AgentParts } from '../agent-parts.ts';
import { onceThere } from '../journalled-catalog.ts';
import { scopeOf } from '../runs/engine-scope.ts';
import { decideSnapshots, deleteSnapshot, type KeptSnapshot, keptSnapshots } from './kept-snapshots.ts';
import { decideFor, heldBy, type Readers, readersOf } from './retention-decision.ts';

const doomedFile = 'doomed.json';

/** What a run is to remove. */
interface Doomed {
  backups: DoomedBackup[];
  /** Those that the plan's source keeps. */
  snapshots: Pick<KeptSnapshot, 'id' | 'name'>[];
}

/** Most backups that one prune removes, the oldest first; the next one goes on. */
const doomedMax = 2_000;
/** How many backups the words of a run name; the others are counted. */
const namedMax = 10;

/** Decides what goes, and marks it. Asked again it finds what it decided. */
export async function condemn({ run }: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const directory = await parts.engineRuns.directory(run.id);
  if (await readDoomed(directory)) return;
  const readers = await onceThere(() => readersOf(parts.store), signal);
  const chosen = run.restore
    ? { backups: [run.restore.backup], snapshots: [] }
    : await decided(run, readers, parts, signal);
  const backups: DoomedBackup[] = [];
  for (const id of chosen.backups) {
    signal.throwIfAborted();
    failpoint('prune.condemning');
    const entry = await parts.entries.update(id, condemning(readers, parts.clock.now()), signal);
    if (entry?.deleting && entry.deletedAt == null) backups.push({ id, manifest: entry.manifest });
    else if (run.restore && entry?.deletedAt == null) throw undeletable(id, entry, readers, parts.clock.now());
  }
  await directory.writeJob({ backups, snapshots: chosen.snapshots } satisfies Doomed, doomedFile);
  failpoint('prune.condemned');
}

/** Removes what `condemn` marked, by `work` of the engine, and says so in the catalog. */
export async function removeCondemned(
  input: RunEffectInput,
  parts: AgentParts,
  signal: AbortSignal,
  work: (asked: Work<PruneOutput>) => Promise<PruneOutput>,
): Promise<TransferOutput> {
  const { run } = input;
  const scope = await scopeOf(input, parts, signal);
  const engine = engineOf(run.document);
  if (!engine.prune)
    throw permanent(
      'engine-failed',
      `the engine ${run.document.engine.type} removes no backups`,
      'remove them by hand',
    );
  const doomed = (await readDoomed(scope.directory)) ?? { backups: [], snapshots: [] };
  const { bytesFreed } = await work(engine.prune(scope, doomed.backups, signal));
  failpoint('prune.removed');
  const deletedAt = timeText(parts.clock.now());
  const gone = (entry: CatalogEntry) => (entry.deletedAt == null ? { ...entry, deletedAt } : undefined);
  for (const { id } of doomed.backups) await parts.entries.update(id, gone, signal);
  for (const snapshot of doomed.snapshots) await deleteSnapshot(run, snapshot, parts, deletedAt, signal);
  const result = { bytes: bytesFreed, files: null, bytesStored: null, position: null, manifest: null };
  const skipped = { count: 0, first: [], path: null };
  return { outcome: 'completed', reason: null, message: removedText(doomed), result, skipped };
}

async function decided(
  { document }: RunContext,
  readers: Readers,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<{ backups: string[]; snapshots: KeptSnapshot[] }> {
  const entries = await parts.entries.list(document.name, signal);
  const kept = await onceThere(() => keptSnapshots(parts, document), signal);
  const now = parts.clock.now();
  const going = (decisions: readonly Decision[]) =>
    decisions.flatMap(({ id, keep }) => (keep ? [] : [id])).slice(-doomedMax);
  const snapshots = new Set(going(decideSnapshots(document, kept, entries, now)));
  return {
    backups: going(decideFor(document, entries, readers, now)),
    snapshots: kept.filter(({ id }) => snapshots.has(id)),
  };
}

/** Whoever locked it meanwhile was first. */
function condemning(readers: Readers, nowMs: number): (entry: CatalogEntry) => CatalogEntry | undefined {
  return entry => {
    const isDone = entry.deleting || entry.deletedAt != null;
    return isDone || heldBy(entry, readers, nowMs) !== undefined ? undefined : { ...entry, deleting: true };
  };
}

function undeletable(id: string, entry: CatalogEntry | undefined, readers: Readers, nowMs: number): Error {
  const why = entry && heldBy(entry, readers, nowMs);
  const message = `backup ${id} cannot be deleted: ${why ?? 'there is no such backup'}`;
  return permanent('engine-failed', message, 'see what there is, and what holds it, with: reeve backups');
}

async function readDoomed({ path }: RunDirectory): Promise<Doomed | undefined> {
  try {
    return JSON.parse(await readFile(join(path, doomedFile), 'utf8')) as Doomed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function removedText({ backups, snapshots }: Doomed): string {
  const told = [...countedText('backup', backups), ...countedText('snapshot', snapshots)];
  return told.length === 0 ? 'no backup was to be removed' : `removed ${told.join('; ')}`;
}

function countedText(what: string, removed: readonly { id: string }[]): string[] {
  if (removed.length === 0) return [];
  const named = removed.slice(0, namedMax).map(({ id }) => id);
  const more = removed.length > namedMax ? ` and ${removed.length - namedMax} more` : '';
  return [`${removed.length} ${what}${removed.length === 1 ? '' : 's'}: ${named.join(', ')}${more}`];
}
