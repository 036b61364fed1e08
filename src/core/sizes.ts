/** Sizes as people write them: `512KiB`, `20GiB`; a bare number is bytes. */

const unitBytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const pattern = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)?$/;

/** Bytes of a written size, or undefined where it is none. */
export function parseSize(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * unitBytes[(match[2] ?? 'B') as keyof typeof unitBytes]);
}

/** A size for people, with one decimal from a kibibyte up: `1.5 MiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const)
    if (bytes >= unitBytes[unit]) return `${(bytes / unitBytes[unit]).toFixed(1)} ${unit}`;
  return `${bytes} B`;
}
