/** How long each deadline of a run is. Pure: the same context gives the same length, jitter apart. */
import { backoffMs } from '../src/core/backoff.ts';
import type { RunContext } from '../src/domain/run.ts';

/** What the ladder may take after its polite signal's grace: KILL, and the wait until nothing is left. */
const killBoundMs = 30_000;
/** What removing files may take beside the hooks. */
const removingMs = 60_000;

/**
 * Milliseconds from now that the deadline `name` leaves to the state that was just entered; undefined is no limit.
 * `run` and `retrying` bound sums over the run's life: what was spent is taken off. `random` is in [0, 1).
 */
export function runDeadlineMs(name: string, context: RunContext, random = 0): number | undefined {
  const { policy, spent, drain } = context;
  const { deadlinesMs } = policy;
  const graceMs = deadlinesMs.cancelGrace ?? 20_000;
  const leftMs = drain ? Math.max(0, drain.deadline - drain.at) : undefined;
  switch (name) {
    case 'run':
      return remaining(deadlinesMs.run, spent.transferringMs);
    case 'retrying':
      return remaining(deadlinesMs.retrying, spent.retryingMs);
    case 'backoff':
      return Math.max(backoffMs(policy.backoff, context.attempt, random), context.failure?.retryAfterMs ?? 0);
    case 'drain':
      return leftMs === undefined ? graceMs : leftMs - Math.min(graceMs, leftMs / 4);
    case 'suspending':
      return leftMs === undefined ? graceMs : Math.min(graceMs, leftMs / 2);
    case 'stopping':
      return graceMs + killBoundMs;
    case 'reattaching':
      return deadlinesMs.prepare;
    case 'settling':
      return deadlinesMs.committing;
    case 'removing':
      return (deadlinesMs.hooks ?? 0) + removingMs;
    case 'pending':
    case 'prepare':
    case 'stall':
    case 'suspended':
    case 'hostAway':
    case 'verifying':
    case 'committing':
      return deadlinesMs[name];
    default:
      return undefined;
  }
}

function remaining(limitMs: number | undefined, spentMs: number): number | undefined {
  return limitMs === undefined ? undefined : Math.max(0, limitMs - spentMs);
}
