/**
 * A run of the kind `snapshot`: its snapshot stays in the server, as a restore point.
 *
 * 1. It stays only where the commit slot names it. Otherwise it is deleted as a backup's own is, by the same rules.
 * 2. Where nobody knows what the slot says it is left, and told as kept: to delete what was committed cannot be undone.
 */
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { TransferOutput } from '../../domain/run.ts';
import type { EngineScope, Snapshots } from '../engine.ts';
import { permanent } from '../failures.ts';
import { forgetKept, rememberKept } from './kept-names.ts';
import { configOf, noneSkipped } from './scope.ts';
import { isSnapshotName, SnapshotApi } from './snapshot-api.ts';
import { doubtfulTold, heldSnapshot, releaseSnapshot } from './snapshot-hold.ts';
import { readSnapshotRecord } from './snapshot-record.ts';

export const snapshots: Snapshots = {
  taken: async scope => {
    const name = await heldSnapshot(scope);
    // What it has is shared with the server's own data until merges part them: it has no size of its own.
    const result = { bytes: null, files: null, bytesStored: null, position: name, manifest: name };
    return { outcome: 'completed', reason: null, result, skipped: noneSkipped } satisfies TransferOutput;
  },
  delete: async ({ engine }, config, name, signal) => {
    if (engine.type !== 'victoriametrics') throw new Error(`a plan of the engine ${engine.type} has no snapshots here`);
    await deleteSnapshot(engine, config, name, signal);
  },
};

/** Deletes a snapshot that was kept, by its name; done also where it is not there. Bounded, as each call is. */
export async function deleteSnapshot(
  engine: EngineConfigOf<'victoriametrics'>,
  config: EngineScope['config'],
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if (!isSnapshotName(name))
    throw permanent('engine-failed', `${JSON.stringify(name)} is no name of a snapshot of VictoriaMetrics`, '');
  await (await SnapshotApi.open(engine, config)).delete(name, signal);
  await forgetKept(config, name);
}

/** Rejects with `proof-missing` unless the server lists the snapshot that the run would commit. */
export async function proveListed(scope: EngineScope, signal: AbortSignal): Promise<void> {
  const name = scope.run.result.manifest;
  const api = await SnapshotApi.open(configOf(scope), scope.config);
  const { names } = await api.list(signal);
  if (name !== null && names.includes(name)) return;
  const message = `${api.url} has no snapshot ${name} any more`;
  throw permanent('proof-missing', message, 'see who deletes snapshots there, such as -snapshotsMaxAge; start another');
}

/** Keeps what was committed and deletes what was not; resolves with what had to be left otherwise, and why. */
export async function keepOrRelease(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const { slot, id } = scope.run;
  if (slot === 'void' || slot === 'none') return await releaseSnapshot(scope, configOf(scope), signal);
  const record = await readSnapshotRecord(scope.directory);
  if (!record) return [];
  const { name, url } = record;
  if (name !== null) await rememberKept(scope.config, name);
  const unsettled =
    slot === 'open' && name !== null ? [`snapshot ${name} of ${url}: nobody knows whether it was committed`] : [];
  return [...unsettled, ...doubtfulTold(id, url, record.doubtful)];
}
