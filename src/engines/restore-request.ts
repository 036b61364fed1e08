/** What a run that works on a backup was asked for. */
import type { RestoreRequest, RunContext } from '../domain/run.ts';
import { permanent } from './failures.ts';

/** Throws for a run of a kind that works on no backup. */
export function restoreOf({ id, task, restore }: Pick<RunContext, 'id' | 'task' | 'restore'>): RestoreRequest {
  if (restore) return restore;
  throw permanent(
    'engine-failed',
    `${task} ${id} names no backup`,
    'this is a defect of Reeve: report it with the log',
  );
}
