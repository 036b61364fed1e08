/** Wall-clock time, passed in wherever time matters, so that a test can turn it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Calls `ring` once, at `at` (milliseconds since the epoch) or as soon after it as can be; a time in the past rings
   * in a later turn of the event loop, never inside this call. Returns a function that takes the alarm back; it may be
   * called twice, and after the alarm rang.
   */
  alarm(at: number, ring: () => void): () => void;
  /** The same for an alarm of the caller's own; one that is set already is moved. */
  set(alarm: Alarm, at: number): void;
  /** Takes an alarm back; one that is not set stays so. */
  unset(alarm: Alarm): void;
}

/**
 * An alarm that is its own handle: whoever waits often, or is one of very many, is an alarm itself and makes no function
 * for each wait. It is set at one clock at most.
 */
export abstract class Alarm {
  /** Where it stands among its clock's alarms, negative while it is not set; only its clock changes it. */
  place = -1;

  /** Called once for each time that it was set, unless it was taken back. */
  abstract ring(): void;
}

/** An alarm that calls a function. */
export class CallAlarm extends Alarm {
  readonly #ring: () => void;

  constructor(ring: () => void) {
    super();
    this.#ring = ring;
  }

  ring(): void {
    this.#ring();
  }
}
