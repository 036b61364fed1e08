/** What the process of this engine is asked for, as JSON in a job file, and what it answers. */
import type { SlotContent } from '../../domain/catalog.ts';
import type { Difference } from './listing.ts';

/** The backup that a job works on. */
interface OfBackup {
  repository: string;
  plan: string;
  run: string;
}

export type Job = OfBackup &
  (
    | { task: 'seal'; proof: string | null }
    | { task: 'commit'; outcome: 'completed' | 'partial' }
    | { task: 'void'; epoch: number }
    | { task: 'verify' }
    | { task: 'discard' }
    | { task: 'prune'; backups: string[] }
  );
export type JobOf<Task extends Job['task']> = Extract<Job, { task: Task }>;

/** What each job ends with. */
export interface Results {
  /** Its proof is there, it is synced, and its listing is written. */
  seal: null;
  commit: SlotContent;
  void: SlotContent;
  verify: { files: number; bytes: number; difference: Difference };
  /** What had to be left, and why. */
  discard: string[];
  prune: { bytesFreed: number };
}
