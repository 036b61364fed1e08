/** The error of an answer on the wire: what the caller got wrong, or what stands in its way. */

/** Each code with its number (the header `Nats-Service-Error-Code`) and the exit status of the command line. */
export const answerCodes = {
  invalid: { number: 400, exit: 2 },
  'not-found': { number: 404, exit: 1 },
  conflict: { number: 409, exit: 1 },
  refused: { number: 422, exit: 1 },
  internal: { number: 500, exit: 1 },
  unavailable: { number: 503, exit: 3 },
} as const;

export type AnswerCode = keyof typeof answerCodes;

/** Thrown by whoever serves a command; becomes `{ok: false, error: {code, message, hint}}`. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly code: AnswerCode;
  /** What to do next; empty when there is nothing to say. */
  readonly hint: string;

  constructor(code: AnswerCode, message: string, hint = '', options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** NATS did not answer: others tell that it is away, and whoever asked may ask again. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof AnswerError && error.code === 'unavailable';
}
