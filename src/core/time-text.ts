/** Moments in words, as records, facts and answers have them. */

let lastTime = { atMs: 0, text: '1970-01-01T00:00:00.000Z' };
let timeBefore = lastTime;

/**
 * RFC 3339 UTC with milliseconds. The last two are kept, for many are asked for within one millisecond: the present, and
 * the deadline of those that start in it.
 */
export function timeText(atMs: number): string {
  if (atMs === lastTime.atMs) return lastTime.text;
  const before = lastTime;
  lastTime = atMs === timeBefore.atMs ? timeBefore : { atMs, text: new Date(atMs).toISOString() };
  timeBefore = before;
  return lastTime.text;
}
