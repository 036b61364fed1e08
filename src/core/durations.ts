/** Durations as people write them: `500ms`, `30s`, `15m`, `2h`, `7d`. */

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** A century: a moment that lies further from now is not one that a record could name. */
const longestMs = 36_500 * unitMs.d;

/** Milliseconds of a written duration, or undefined where it is none, or longer than `36500d`. */
export function parseDuration(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const durationMs = Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
  return durationMs <= longestMs ? durationMs : undefined;
}

/** The shortest exact way to write a duration: 90_000 is `90s`, 3_600_000 is `1h`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const)
    if (durationMs >= unitMs[unit] && durationMs % unitMs[unit] === 0) return `${durationMs / unitMs[unit]}${unit}`;
  return `${durationMs}ms`;
}
