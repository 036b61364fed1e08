/** Exponential backoff with full jitter above its floor. */
export interface Backoff {
  /** The first wait, and the least of any. */
  minMs: number;
  /** The longest wait. */
  maxMs: number;
}

/**
 * The wait before attempt `attempt + 1`, where `attempt` counts the failures so far from 1.
 * `random` is a number in [0, 1): the wait lies between half the exponential step and the whole of it.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const step = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(Math.max(backoff.minMs, step / 2 + (step / 2) * random));
}
