/** Failures that every adapter words alike. */
import { FailureError } from '../core/failure.ts';
import type { Reason } from '../domain/reasons.ts';
import type { StepEnd } from './engine.ts';

/** What a release rejects with where it must be asked again: the run's directory stays for that, and the sweeper asks. */
export class Unsettled extends FailureError {}

export function permanent(code: Reason, message: string, hint: string, options?: { cause?: unknown }): FailureError {
  return new FailureError({ kind: 'permanent', code, message, hint }, options);
}

export function transient(code: Reason, message: string, hint: string, options?: { cause?: unknown }): FailureError {
  return new FailureError({ kind: 'transient', code, message, hint }, options);
}

/** A process that ended without its proof: what is known of how, and the end of what it said. */
export function endedWithout(
  end: Pick<StepEnd, 'code' | 'signal' | 'stderrTail'>,
  what = 'said no result',
): FailureError {
  const said = end.stderrTail === '' ? '' : `: ${end.stderrTail.slice(-500)}`;
  return transient('engine-failed', `the engine ${howItEnded(end)} and ${what}${said}`, seeLog);
}

/** What its runner or the kernel ended before it was done; undefined where it came to its end by itself. */
export function endedByRunner(end: StepEnd): FailureError | undefined {
  if (end.code === 0) return undefined;
  if (end.why === 'deadline')
    return permanent('deadline-run', 'the deadline run passed, and its runner ended the engine', seeLog);
  if (end.why === 'cancel') return permanent('user-cancelled', 'it was cancelled on its host', '');
  if (!end.oomKilled) return undefined;
  const hint = 'give it more memory by limits.memoryPerRun, or back up less at once';
  return transient('oom-killed', 'the kernel killed the engine for its memory', hint);
}

/** A process that nobody followed to its end, and that left no record of it. */
export function leftNoWord(found: 'gone' | 'rebooted' | 'alive' | 'ended'): FailureError {
  if (found === 'rebooted')
    return transient('rebooted', 'its host was booted anew while the engine ran', 'the next attempt begins again');
  const message = 'its engine ended while no agent was there, and left no word of how';
  return transient('engine-failed', message, seeLog);
}

const seeLog = 'see its log with: reeve logs';

/** What to do about processes that a kill does not end. */
export const stuckHint = 'see what they wait for, such as a mount that does not answer';

/** `ended with status 3`, `was killed by SIGKILL`. */
export function howItEnded({ code, signal }: Pick<StepEnd, 'code' | 'signal'>): string {
  if (signal) return `was killed by ${signal}`;
  return code === null ? 'ended with a status that nobody knows' : `ended with status ${code}`;
}
