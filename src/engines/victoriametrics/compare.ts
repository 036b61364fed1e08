/**
 * What a drill does after vmrestore, which sees nothing but sizes: a VictoriaMetrics on what was restored, where one is
 * installed, which is asked for every sample.
 */
import type { TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { jobStep, processBeside } from '../job-step.ts';
import { restoreOf } from '../restore-request.ts';
import { commands } from './facts.ts';
import type { ReadBack } from './reading-server.ts';
import { noneSkipped } from './scope.ts';

export interface CompareJob {
  /** What was restored. */
  to: string;
}

export function compareStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup, to } = restoreOf(scope.run);
  const order = (job: string) => ({
    command: process.execPath,
    args: [processBeside(import.meta.url, 'compare-process'), job],
  });
  return jobStep<CompareJob, ReadBack | null, TransferOutput>(scope, { job: { to }, order }, read =>
    outputOf(backup, read),
  );
}

function outputOf(backup: string, read: ReadBack | null): TransferOutput {
  const result = { bytes: read?.bytes ?? null, files: null, bytesStored: null, position: null, manifest: null };
  const ended = { reason: null, result, skipped: noneSkipped };
  if (read === null) {
    const message = `${commands.server} is not installed, so what was restored was counted and not queried`;
    return { outcome: 'completed', ...ended, message, hint: `install ${commands.server} beside the agent` };
  }
  // Of series that were deleted the parts have the samples still.
  if (read.samples >= read.rows || read.deleted > 0) return { outcome: 'completed', ...ended };
  const message = `backup ${backup} has ${read.rows} samples in its parts, and a query brings back ${read.samples}`;
  const hint = 'see the log with: reeve logs; restore another backup';
  return { outcome: 'failed', ...ended, reason: 'data-corrupt', message, hint };
}
