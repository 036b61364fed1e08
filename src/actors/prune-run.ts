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
import type { RunEffectInput } from '../../machines/run-effects.ts';
import { failpoint } from '../core/failpoint.ts';
import type { CatalogEntry } from '../domain/catalog.ts';
import type { RunContext, TransferOutput } from '../domain/run.ts';
import type { DoomedBackup, PruneOutput, Work } from '../engines/engine.ts';
import { engineOf } from '../engines/engines.ts';
import { permanent } from '../engines/failures.ts';
import type { RunDirectory } from '../runner/run-directory.ts';
import { timeText } from '../runtime/step-record.ts';
import type { AgentParts } from './agent-parts.ts';
import { scopeOf } from './engine-scope.ts';
import { onceThere } from './journalled-catalog.ts';
import { decideFor, heldBy, type Readers, readersOf } from './retention-decision.ts';

const doomedFile = 'doomed.json';

/** Most backups that one prune removes, the oldest first; the next one goes on. */
const doomedMax = 2_000;
/** How many backups the words of a run name; the others are counted. */
const namedMax = 10;

/** Decides what goes, and marks it. Asked again it finds what it decided. */
export async function condemn({ run }: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const directory = await parts.engineRuns.directory(run.id);
  if (await readDoomed(directory)) return;
  const readers = await onceThere(() => readersOf(parts.store), signal);
  const chosen = run.restore ? [run.restore.backup] : await decided(run, readers, parts, signal);
  const doomed: DoomedBackup[] = [];
  for (const id of chosen) {
    signal.throwIfAborted();
    failpoint('prune.condemning');
    const entry = await parts.entries.update(id, condemning(readers, parts.clock.now()), signal);
    if (entry?.deleting && entry.deletedAt == null) doomed.push({ id, manifest: entry.manifest });
    else if (run.restore && entry?.deletedAt == null) throw undeletable(id, entry, readers, parts.clock.now());
  }
  await directory.writeJob(doomed, doomedFile);
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
  const doomed = (await readDoomed(scope.directory)) ?? [];
  const { bytesFreed } = await work(engine.prune(scope, doomed, signal));
  failpoint('prune.removed');
  const deletedAt = timeText(parts.clock.now());
  const gone = (entry: CatalogEntry) => (entry.deletedAt == null ? { ...entry, deletedAt } : undefined);
  for (const { id } of doomed) await parts.entries.update(id, gone, signal);
  const result = { bytes: bytesFreed, files: null, bytesStored: null, position: null, manifest: null };
  const skipped = { count: 0, first: [], path: null };
  return { outcome: 'completed', reason: null, message: removedText(doomed), result, skipped };
}

async function decided(run: RunContext, readers: Readers, parts: AgentParts, signal: AbortSignal): Promise<string[]> {
  const entries = await parts.entries.list(run.plan, signal);
  const decisions = decideFor(run.document, entries, readers, parts.clock.now());
  const going = decisions.filter(({ keep }) => !keep).map(({ id }) => id);
  return going.slice(-doomedMax);
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
  return permanent('engine-failed', `backup ${id} cannot be deleted: ${why ?? 'there is no such backup'}`, '');
}

async function readDoomed({ path }: RunDirectory): Promise<DoomedBackup[] | undefined> {
  try {
    return JSON.parse(await readFile(join(path, doomedFile), 'utf8')) as DoomedBackup[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function removedText(doomed: readonly DoomedBackup[]): string {
  if (doomed.length === 0) return 'no backup was to be removed';
  const named = doomed.slice(0, namedMax).map(({ id }) => id);
  const more = doomed.length > namedMax ? ` and ${doomed.length - namedMax} more` : '';
  return `removed ${doomed.length} backup${doomed.length === 1 ? '' : 's'}: ${named.join(', ')}${more}`;
}
