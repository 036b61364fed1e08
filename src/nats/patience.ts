/** Asking again while there is no answer: an election of a leader or a short absence is no reason to fail. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerError } from '../core/answer-error.ts';
import { isTransient } from './jetstream.ts';

const triesMax = 5;
const stepMs = 100;

/**
 * The answer to `question`, which must be harmless to repeat. Asked five times, with growing waits; then rejects with
 * `unavailable`, naming `what` did not answer. What JetStream refuses is thrown as it is.
 */
export async function patiently<T>(what: string, question: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await question();
    } catch (cause) {
      if (!isTransient(cause)) throw cause;
      if (tried >= triesMax)
        throw new AnswerError('unavailable', `NATS does not answer for ${what}`, 'try again once it is back', {
          cause,
        });
      await sleep(stepMs * tried);
    }
  }
}
