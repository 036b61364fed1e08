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
}
