/** Work in the background that is tried again later anyway. */
import { isUnavailable } from '../core/answer-error.ts';
import type { Clock } from '../core/clock.ts';
import { defectOf } from '../core/defect.ts';
import type { RuntimeObserver } from '../core/runtime-facts.ts';
import { timeText } from '../core/time-text.ts';

/**
 * Resolves with what `work` does, or undefined where it failed. That NATS is away others say; anything else is told as a
 * defect of `where`.
 */
export async function inBackground<T>(
  work: Promise<T>,
  where: string,
  { clock, observe }: { clock: Clock; observe: RuntimeObserver },
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isUnavailable(error)) return undefined;
    observe(defectOf(where, error, timeText(clock.now())));
    return undefined;
  }
}
