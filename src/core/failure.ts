/**
 * A failure is expected and is data: it is classified once, at the edge that saw it, and from there on only its fields
 * are read, never its text. It is JSON, so it may stand in an actor's context.
 */
export interface Failure {
  /** `transient` may go away by itself and is worth another attempt; `permanent` needs somebody. */
  kind: 'transient' | 'permanent';
  /** A stable word for programs, such as `source-missing`. */
  code: string;
  /** What happened, to what. */
  message: string;
  /** What to do next; empty when there is nothing to say. */
  hint: string;
  /** The earliest time for another attempt, when the other side named one. */
  retryAfterMs?: number;
}

/** A failure on its way through code that throws. `cause` keeps the original error. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure;

  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(failure.message, options);
    this.failure = failure;
  }
}

/** The failure in an error; anything unclassified becomes permanent with the code `defect`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'permanent', code: 'defect', message, hint: 'this is a defect of Reeve: report it with the log' };
}
