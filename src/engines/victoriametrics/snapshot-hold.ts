/**
 * The snapshot of a run: made before its transfer, held through attempts and suspensions, deleted when the run is over;
 * one that a run of the kind `snapshot` committed stays (`snapshot-run.ts`).
 *
 * 1. What was there is recorded before one is asked for, and its name before anything uses it.
 * 2. One whose name never came is deleted only if it cannot well be a stranger's: it was not there before, its own name
 *    says that it was made while this run asked, it is the only such one, no other run of this agent names it or asks at
 *    the same time, and none has kept it. Otherwise it is left, and told as kept.
 * 3. It is never used either: the server may not have finished it.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { failureOf } from '../../core/failure.ts';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import { helperTimeoutMs } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { snapshotName, snapshotsDirectory } from './facts.ts';
import { keptNames } from './kept-names.ts';
import { SnapshotApi, Unanswered } from './snapshot-api.ts';
import { othersOf, readSnapshotRecord, type SnapshotRecord, writeSnapshotRecord } from './snapshot-record.ts';

/** What a release may wait for one answer: somebody waits for the run's end, perhaps a whole agent. */
const releaseTimeoutMs = 10_000;
const releaseTriesMax = 3;
const releasePauseMs = 1_000;
/** How long after it was asked for a snapshot may have been made: the request's bound, and as much again. */
const madeWithinMs = 2 * helperTimeoutMs;

/** Sees that the run has a snapshot, by its record; asked again it finds the one that it made. */
export async function holdSnapshot(
  scope: EngineScope,
  engine: EngineConfigOf<'victoriametrics'>,
  signal: AbortSignal,
): Promise<void> {
  const { directory } = scope;
  const api = await SnapshotApi.open(engine, scope.config);
  const { names, at } = await api.list(signal);
  const known = await readSnapshotRecord(directory);
  if (known?.name != null && names.includes(known.name)) return;
  const doubtful = known ? await reclaim(scope, known, api, signal) : [];
  const asking: SnapshotRecord = { url: api.url, name: null, asked: { before: names, at }, doubtful };
  await writeSnapshotRecord(directory, asking); // invariant 1
  const name = await created(api, signal).catch(async error => {
    if (!(error instanceof Unanswered) && !signal.aborted)
      await writeSnapshotRecord(directory, { ...asking, asked: null });
    throw error;
  });
  await writeSnapshotRecord(directory, { ...asking, name, asked: null });
  await refuseElsewhere(engine, name);
}

/** The snapshot that the run's record names. Rejects where it names none. */
export async function heldSnapshot({ directory }: Pick<EngineScope, 'directory'>): Promise<string> {
  const name = (await readSnapshotRecord(directory))?.name;
  if (name != null) return name;
  throw permanent('source-missing', 'the run has no snapshot', 'start another one');
}

/** Deletes the run's snapshot; resolves with what had to be left, and why. May be called twice. */
export async function releaseSnapshot(
  scope: EngineScope,
  engine: EngineConfigOf<'victoriametrics'>,
  signal: AbortSignal,
): Promise<string[]> {
  const record = await readSnapshotRecord(scope.directory);
  if (!record) return [];
  const { name } = record;
  try {
    const api = await SnapshotApi.open(engine, scope.config, releaseTimeoutMs);
    if (name !== null) await persistently(() => api.delete(name, signal), signal);
    const doubtful = await persistently(() => reclaim(scope, record, api, signal), signal);
    return doubtfulTold(scope.run.id, api.url, doubtful);
  } catch (error) {
    const what = name === null ? 'a snapshot, if it was made,' : `snapshot ${name}`;
    return [`${what} of ${record.url}: ${failureOf(error).message}`];
  }
}

/** What is said of snapshots that nobody can tell apart. */
export function doubtfulTold(run: string, url: string, names: readonly string[]): string[] {
  return names.map(name => `snapshot ${name} of ${url}: it may be of ${run} or a stranger's`);
}

/** Deletes a snapshot whose name never came, by invariant 2; resolves with those that nobody can tell apart. */
async function reclaim(
  { directory, config }: EngineScope,
  { asked, doubtful }: SnapshotRecord,
  api: SnapshotApi,
  signal: AbortSignal,
): Promise<string[]> {
  if (!asked) return doubtful;
  const { names } = await api.list(signal);
  // In this order: a run that made one of these asks or names it by now, and what it keeps it remembers before it goes.
  const others = await othersOf(directory, api.url);
  const kept = await keptNames(config);
  const isOthers = (name: string) => others.names.has(name) || kept.has(name);
  const found = names.filter(name => !asked.before.includes(name) && !isOthers(name) && isMadeBy(name, asked.at));
  const [only] = found;
  if (only === undefined) return doubtful;
  if (found.length > 1 || others.isAsking) return [...new Set([...doubtful, ...found])];
  await api.delete(only, signal);
  return doubtful;
}

/** By the time in its name, which has no fractions of a second. */
function isMadeBy(name: string, askedAt: number): boolean {
  const [, year, month, day, hour, minute, second] = (snapshotName.exec(name) ?? []).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return at >= askedAt - 1_000 && at <= askedAt + madeWithinMs;
}

/** Lets go when nobody waits any more; what the server then makes all the same is deleted as soon as it says its name. */
async function created(api: SnapshotApi, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const made = api.create();
  const { promise, reject } = Promise.withResolvers<never>();
  const letGo = () => {
    reject(signal.reason);
    made.then(name => api.delete(name)).catch(() => undefined); // the release finds it, too
  };
  signal.addEventListener('abort', letGo, { once: true });
  try {
    return await Promise.race([made, promise]);
  } finally {
    signal.removeEventListener('abort', letGo);
  }
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
