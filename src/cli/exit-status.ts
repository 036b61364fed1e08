/** Exit statuses of the command line, as the wire fixes them. */
import { AnswerError, answerCodes } from '../core/answer-error.ts';

export const exitStatus = {
  done: 0,
  /** Refused or failed. */
  failed: 1,
  /** Wrong usage, or an invalid document. */
  invalid: 2,
  /** NATS or the cluster is away. */
  away: 3,
  /** Ended as cancelled, timed-out or lost. */
  unfinished: 4,
  partial: 5,
  /** The `--timeout` of a wait is over. */
  waitOver: 6,
} as const;

/** The status for a run that ended in a state. */
export function statusOfEnding(state: string): number {
  if (state === 'completed') return exitStatus.done;
  if (state === 'partial') return exitStatus.partial;
  if (state === 'cancelled' || state === 'timed-out' || state === 'lost') return exitStatus.unfinished;
  return exitStatus.failed;
}

/** The status for an error that ended a command. */
export function statusOfError(error: unknown): number {
  return error instanceof AnswerError ? answerCodes[error.code].exit : exitStatus.failed;
}
