/**
 * What the engine process says on its standard output: one JSON object a line. Progress comes at most twice a second;
 * the last line is the result or the failure, unless the process was stopped.
 */
import type { SlotContent } from '../../domain/catalog.ts';
import type { Reason } from '../../domain/reasons.ts';
import type { Skipped } from '../../domain/run.ts';
import type { PruneResult } from '../../repository/prune.ts';
import type { RestoreResult } from '../../repository/restore.ts';
import type { VerifyResult } from '../../repository/verify.ts';
import type { JobEvent } from '../job-step.ts';

export type EngineEvent = JobEvent<EngineResult>;

export type EngineResult =
  | {
      task: 'backup';
      outcome: 'completed' | 'partial';
      /** Why it is partial, or null. */
      reason: Reason | null;
      /** In words, for people; null when it is completed. */
      message: string | null;
      hint: string | null;
      /** sha256 of the staged manifest, for the commit. */
      manifest: string;
      bytes: number;
      files: number;
      /** Bytes of files that were read; the rest of `bytes` was known from the last backup. */
      bytesRead: number;
      /** Bytes that were written to the repository for them. */
      bytesStored: number;
      skipped: Skipped;
    }
  /** What the slot holds now; the caller compares it with what it wanted. */
  | { task: 'commit'; slot: SlotContent }
  | { task: 'void'; slot: SlotContent }
  | ({ task: 'restore' } & RestoreResult)
  /** Damage is a result here: what it means for the run is the caller's to say. */
  | ({ task: 'verify' } & VerifyResult)
  | ({ task: 'prune' } & PruneResult)
  | { task: 'discard'; manifestsRemoved: number };

export type EngineResultOf<Task extends EngineResult['task']> = Extract<EngineResult, { task: Task }>;
