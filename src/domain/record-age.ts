/** How long the records of runs that are over stay before they leave for the history. Pure. */
import type { Plan } from './plan.ts';
import { durationMs } from './quantities.ts';
import type { RunContext } from './run.ts';

/** What went well. */
const wellMs = 86_400_000;
/** What did not, unless the plan says `failedFor`. */
const failedForDefault = '7d';
/** The newest of a plan that went well stay: what the next ones take is held against them. */
const newestKept = 10;

export type OverRun = Pick<RunContext, 'id' | 'plan' | 'task' | 'ending'> & { endedAt: string };

/** When each of these runs leaves, in milliseconds since the epoch, by id; without those that stay. */
export function leavingMs(
  over: readonly OverRun[],
  retentionOf: (plan: string) => Plan['retention'],
  isDeleted: (id: string) => boolean,
): Map<string, number> {
  const leaving = new Map<string, number>();
  const well = new Map<string, number>();
  for (const run of [...over].sort((one, other) => endedMs(other) - endedMs(one))) {
    const { id, plan, task, ending } = run;
    if (ending !== 'completed' && ending !== 'partial') {
      leaving.set(id, endedMs(run) + durationMs(retentionOf(plan)?.failedFor ?? failedForDefault));
      continue;
    }
    const key = `${task} ${plan}`;
    const count = (well.get(key) ?? 0) + 1;
    well.set(key, count);
    // The record of a snapshot is all that tells of what its source keeps.
    if (count > newestKept && (task !== 'snapshot' || isDeleted(id))) leaving.set(id, endedMs(run) + wellMs);
  }
  return leaving;
}

function endedMs({ endedAt }: OverRun): number {
  return Date.parse(endedAt);
}
