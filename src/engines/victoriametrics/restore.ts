/** A restore: vmrestore brings a whole backup into an empty directory, on which no VictoriaMetrics runs. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { permanent } from '../failures.ts';
import { restoreOf } from '../restore-request.ts';
import { destinationUrl, refuseFilled } from './destination.ts';
import { orderOf } from './order.ts';
import { noneSkipped } from './scope.ts';
import { readStepFile, writeStepFile } from './step-file.ts';
import { ToolLog } from './tool-log.ts';

/** In the run's directory once the target was seen to be empty: what is in it later is the run's own. */
const takenFile = 'target.json';

interface Ordered {
  bytes: number;
  files: number;
}

/** Rejects unless the whole backup may be restored there. Asked again it finds that the target is the run's already. */
export async function takeTarget(scope: EngineScope): Promise<void> {
  const { to, include } = restoreOf(scope.run);
  if (include.length > 0)
    throw permanent(
      'engine-failed',
      'a backup of VictoriaMetrics can only be restored as a whole',
      'restore it without include, and query what you need',
    );
  const isTaken = await access(join(scope.directory.path, takenFile)).then(
    () => true,
    () => false,
  );
  if (isTaken) return;
  await refuseFilled(to);
  await scope.directory.writeJob({ to }, takenFile);
}

export function restoreStep(scope: EngineScope): EngineStep<TransferOutput> {
  const log = new ToolLog();
  const { to, backup } = restoreOf(scope.run);
  return {
    order: async () => {
      const { manifest, bytes, files } = await scope.backup();
      await writeStepFile(scope.directory, { bytes, files } satisfies Ordered);
      return await orderOf(scope, 'restore', [`-src=${destinationUrl(scope, manifest)}`, `-storageDataPath=${to}`]);
    },
    hear: line => log.hear(line),
    outcome: async end => {
      const { restoredBytes } = log;
      if (end.code !== 0 || restoredBytes === null) throw log.failure(end);
      const { bytes, files } = await readStepFile<Ordered>(scope.directory);
      if (restoredBytes !== bytes)
        throw permanent(
          'data-corrupt',
          `backup ${backup} is not whole: ${restoredBytes} of ${bytes} bytes were restored into ${to}`,
          'see with a verify what is missing, and restore another backup into another directory',
        );
      const result = { bytes, files, bytesStored: null, position: null, manifest: null };
      return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
    },
  };
}
