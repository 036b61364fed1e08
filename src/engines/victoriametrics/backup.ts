/** A backup: vmbackup copies the run's snapshot into the run's destination, what the last backup has by server-side copy. */
import type { TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep, PreviousBackup } from '../engine.ts';
import { verdictOf } from '../verdict.ts';
import { destinationUrl } from './destination.ts';
import { orderOf } from './order.ts';
import { configOf, noneSkipped } from './scope.ts';
import { heldSnapshot } from './snapshot-hold.ts';
import { readStepFile, writeStepFile } from './step-file.ts';
import { ToolLog } from './tool-log.ts';

interface Ordered {
  snapshot: string;
  previous: PreviousBackup | null;
}

export function backupStep(scope: EngineScope): EngineStep<TransferOutput> {
  const log = new ToolLog();
  return {
    order: async () => {
      const ordered: Ordered = { snapshot: await heldSnapshot(scope), previous: await scope.previous() };
      await writeStepFile(scope.directory, ordered);
      return await orderOf(scope, 'backup', flagsOf(scope, ordered));
    },
    hear: line => log.hear(line),
    outcome: async end => {
      const { backedUp, parts } = log;
      if (end.code !== 0 || !backedUp || parts === null) throw log.failure(end);
      const ordered = await readStepFile<Ordered>(scope.directory);
      return outputOf(scope, ordered, { ...backedUp, parts });
    },
  };
}

function flagsOf(scope: EngineScope, { snapshot, previous }: Ordered): string[] {
  // One that is not there, as after a change of the plan's repository, has no parts and does no harm.
  const origin = previous && !scope.run.rescan ? [`-origin=${destinationUrl(scope, previous.manifest)}`] : [];
  return [
    `-storageDataPath=${configOf(scope).dataPath}`,
    `-snapshotName=${snapshot}`,
    `-dst=${destinationUrl(scope, scope.run.id)}`,
    ...origin,
  ];
}

function outputOf(
  { run }: EngineScope,
  { snapshot, previous }: Ordered,
  { bytes, parts, uploaded }: { bytes: number; parts: number; uploaded: number },
): TransferOutput {
  const { guard, tolerate } = run.policy;
  const expected = {
    source: `the data of ${run.plan}`,
    guard,
    tolerate,
    // Merges make few parts of many: that says nothing of a source that shrank.
    previous: previous && { bytes: previous.bytes, files: 0 },
  };
  const verdict = verdictOf(expected, { files: parts, bytes }, { vanished: 0, changed: 0, unreadable: 0 });
  return {
    ...verdict,
    result: { bytes, files: parts, bytesStored: uploaded, position: snapshot, manifest: run.id },
    skipped: noneSkipped,
  };
}
