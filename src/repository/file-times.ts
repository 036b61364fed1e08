/**
 * Times to the microsecond, as Node can set them. Node takes seconds as a floating number, cuts off below the
 * microsecond on some systems, and takes a negative *number* for the present; as text it passes all of them on. Half a
 * microsecond more keeps the fraction's rounding from reaching the one below.
 */
export function utimeOf(mtimeUs: number): string {
  return String((mtimeUs + 0.5) / 1e6);
}

/** Microseconds since the epoch, rounded down. */
export function microsecondsOf(ns: bigint): number {
  const us = ns / 1000n;
  return Number(ns < 0n && us * 1000n !== ns ? us - 1n : us);
}
