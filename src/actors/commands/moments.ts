/** Moments that commands name. */
import { AnswerError } from '../../core/answer-error.ts';
import { timeText } from '../../core/time-text.ts';
import { untilMs } from '../../domain/pause.ts';

/** The moment of a checked `until`, as RFC 3339; `invalid` for one that is over. */
export function momentOf(command: string, until: string, now: number): string {
  const atMs = untilMs(until, now) ?? now;
  if (atMs > now) return timeText(atMs);
  throw new AnswerError('invalid', `${command}: until: ${until} is over already`, 'name a moment that is to come');
}
