/**
 * The snapshot of a run: made before its transfer, held through attempts and suspensions, deleted when the run is over;
 * one that a run of the kind `snapshot` committed stays (`snapshot-run.ts`).
 *
 * 1. What was there is recorded before one is asked for, and its name before anything uses it.
 * 2. One whose name never came is never used, and is deleted by the rules of `lost-snapshots.ts`.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failureOf } from '../../core/failure.ts';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { EngineScope } from '../engine.ts';
import { permanent, Unsettled } from '../failures.ts';
import { snapshotsDirectory } from './facts.ts';
import { deleteLost, settleLost } from './lost-snapshots.ts';
import { SnapshotApi } from './snapshot-api.ts';
import { readSnapshotRecord } from './snapshot-record.ts';
import { askForSnapshot } from './snapshot-request.ts';

/** What a release may wait for one answer: somebody waits for the run's end, perhaps a whole agent. */
const releaseTimeoutMs = 10_000;
const releaseTriesMax = 3;
const releasePauseMs = 1_000;

/** Sees that the run has a snapshot, by its record; asked again it finds the one that it made. */
export async function holdSnapshot(
  scope: EngineScope,
  engine: EngineConfigOf<'victoriametrics'>,
  signal: AbortSignal,
): Promise<void> {
  const api = await SnapshotApi.open(engine, scope.config);
  const list = await api.list(signal);
  const known = await readSnapshotRecord(scope.directory);
  const isThere = known?.name != null && list.names.includes(known.name);
  const before = { url: api.url, name: null, asked: known?.asked ?? [], doubtful: known?.doubtful ?? [] };
  const record = isThere ? known : await askForSnapshot(scope, before, list, api, signal);
  const { name } = await deleteLost(scope, record, api, signal);
  if (!isThere && name !== null) await refuseElsewhere(engine, name);
}

/** The snapshot that the run's record names. Rejects where it names none. */
export async function heldSnapshot({ directory }: Pick<EngineScope, 'directory'>): Promise<string> {
  const name = (await readSnapshotRecord(directory))?.name;
  if (name != null) return name;
  throw permanent('source-missing', 'the run has no snapshot', 'start another one');
}

/**
 * Deletes the run's snapshot; resolves with what had to be left for good, and why. Rejects as `Unsettled` where it must be
 * asked again. May be called twice.
 */
export async function releaseSnapshot(
  scope: EngineScope,
  engine: EngineConfigOf<'victoriametrics'>,
  signal: AbortSignal,
): Promise<string[]> {
  const record = await readSnapshotRecord(scope.directory);
  if (!record) return [];
  try {
    const api = await SnapshotApi.open(engine, scope.config, releaseTimeoutMs);
    const settled = (await persistently(() => settleLost(scope, api, signal), signal)) ?? record;
    const { name, doubtful } = settled;
    if (name !== null) await persistently(() => api.delete(name, signal), signal);
    return doubtfulTold(scope.run.id, api.url, doubtful);
  } catch (error) {
    const { name } = (await readSnapshotRecord(scope.directory)) ?? record;
    const what = name === null ? 'a snapshot, if it was made,' : `snapshot ${name}`;
    const failure = failureOf(error);
    throw new Unsettled({ ...failure, message: `${what} of ${record.url}: ${failure.message}` }, { cause: error });
  }
}

/** What is said of snapshots that nobody can tell apart. */
export function doubtfulTold(run: string, url: string, names: readonly string[]): string[] {
  return names.map(name => `snapshot ${name} of ${url}: it may be of ${run} or a stranger's`);
}

async function refuseElsewhere({ dataPath, url }: EngineConfigOf<'victoriametrics'>, name: string): Promise<void> {
  const path = join(dataPath, snapshotsDirectory, name);
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (cause) {
    const message = `the snapshot that ${url} made is not at ${path}: ${(cause as Error).message}`;
    const hint = 'dataPath must be the -storageDataPath of that server, on this host, and readable by the agent';
    throw permanent('source-missing', message, hint, { cause });
  }
}

async function persistently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries === releaseTriesMax || signal.aborted || failureOf(error).kind !== 'transient') throw error;
    }
    await new Promise(resolve => setTimeout(resolve, releasePauseMs));
  }
}
