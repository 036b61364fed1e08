/** What the last backups of a plan took, to hold the next one against. Pure. */
import type { RunContext } from './run.ts';

/** How many are looked at. */
const lastMax = 10;

/** What the transfers of the last backups of a plan that succeeded took, in milliseconds, newest first. */
export function lastDurationsMs(runs: readonly RunContext[], plan: string): number[] {
  return runs
    .filter(
      run => run.plan === plan && run.endedAt !== null && (run.ending === 'completed' || run.ending === 'partial'),
    )
    .sort((one, other) => Date.parse(other.endedAt ?? '') - Date.parse(one.endedAt ?? ''))
    .slice(0, lastMax)
    .map(({ spent }) => spent.transferringMs);
}
