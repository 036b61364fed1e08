/** Failures that every adapter words alike. */
import { FailureError } from '../core/failure.ts';
import type { Reason } from '../domain/reasons.ts';
import type { StepEnd } from './engine.ts';

export function permanent(code: Reason, message: string, hint: string, options?: { cause?: unknown }): FailureError {
  return new FailureError({ kind: 'permanent', code, message, hint }, options);
}

export function transient(code: Reason, message: string, hint: string, options?: { cause?: unknown }): FailureError {
  return new FailureError({ kind: 'transient', code, message, hint }, options);
}

/** A process that ended without its proof: what is known of how, and the end of what it said. */
export function endedWithout(end: StepEnd, what = 'said no result'): FailureError {
  const seeLog = 'see its log with: reeve logs';
  const said = end.stderrTail === '' ? '' : `: ${end.stderrTail.slice(-500)}`;
  return transient('engine-failed', `the engine ${howItEnded(end)} and ${what}${said}`, seeLog);
}

/** `ended with status 3`, `was killed by SIGKILL`. */
export function howItEnded({ code, signal }: Pick<StepEnd, 'code' | 'signal'>): string {
  if (signal) return `was killed by ${signal}`;
  return code === null ? 'ended, nobody knows how,' : `ended with status ${code}`;
}
