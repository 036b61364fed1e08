/** Times and ages for people. Pure. */

/** A time of the wire (RFC 3339) as `2026-01-31 12:00:05Z`; what is not a time is shown as it is. */
export function shownTime(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(text);
  return match ? `${match[1]} ${match[2]}Z` : text;
}

/** How long ago a time was, in its largest unit: `12s`, `3m`, `5h`, `2d`. */
export function shownAge(text: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(text)) / 1000));
  if (Number.isNaN(seconds)) return '-';
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
