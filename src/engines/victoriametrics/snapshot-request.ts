/** A request for a snapshot: recorded before it is sent, and answered once the name that came is on disk. */
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { type SnapshotApi, type SnapshotList, Unanswered } from './snapshot-api.ts';
import { type SnapshotRecord, writeSnapshotRecord } from './snapshot-record.ts';

/** A server that makes snapshots and does not say so would be filled with them. */
const askedMax = 5;

/** Resolves with the record that names it; one that names another loses that name. `list` is what is there. */
export async function askForSnapshot(
  { directory }: Pick<EngineScope, 'directory'>,
  record: SnapshotRecord,
  list: SnapshotList,
  api: SnapshotApi,
  signal: AbortSignal,
): Promise<SnapshotRecord> {
  const unnamed: SnapshotRecord = { ...record, name: null };
  if (record.asked.length >= askedMax)
    throw permanent(
      'source-unreachable',
      `${askedMax} requests for a snapshot were sent to ${api.url}, and none was answered`,
      'see the log of VictoriaMetrics, and delete the snapshots that it made of them',
    );
  await writeSnapshotRecord(directory, { ...unnamed, asked: [...record.asked, { before: list.names, at: list.at }] });
  const name = await created(api, signal).catch(async error => {
    if (!(error instanceof Unanswered) && !signal.aborted) await writeSnapshotRecord(directory, unnamed);
    throw error;
  });
  const named = { ...record, name };
  await writeSnapshotRecord(directory, named);
  return named;
}

/** Lets go when nobody waits any more; what the server then makes all the same is deleted as soon as it says its name. */
async function created(api: SnapshotApi, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const made = api.create();
  const { promise, reject } = Promise.withResolvers<never>();
  const letGo = () => {
    reject(signal.reason);
    made.then(name => api.delete(name)).catch(() => undefined); // whoever settles what was lost finds it, too
  };
  signal.addEventListener('abort', letGo, { once: true });
  try {
    return await Promise.race([made, promise]);
  } finally {
    signal.removeEventListener('abort', letGo);
  }
}
