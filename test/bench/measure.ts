/** What every benchmark measures with: garbage collected first, rounds that take turns, medians. */

/** One figure beside its anchor. Times are milliseconds unless `unit` says otherwise. */
export interface Row {
  figure: string;
  value: string;
  /** What it is held against, measured in the same run; empty where the target is absolute. */
  anchor: string;
  /** The figure in terms of its anchor; empty without one. */
  ratio: string;
  target: string;
  met: boolean;
}

/** Collects all garbage, so that a round does not pay for the one before. Needs `--expose-gc`. */
export function collectGarbage(): void {
  if (!globalThis.gc) throw new Error('run it with --expose-gc, as test/bench/main.ts does');
  globalThis.gc();
}

/** The heap in use once the garbage is gone, in bytes. */
export function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** What `one` is of `other`, round by round, so that a slow spell of the machine counts for neither: the median of it. */
export function ratioOf(one: readonly number[], other: readonly number[]): number {
  return median(one.map((value, round) => value / (other[round] ?? Number.NaN)));
}

/** Does `work` and resolves with how many milliseconds it took. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Runs the contenders in turns (A B A B), so that whatever disturbs the machine disturbs them alike, and resolves with
 * what each round of each one gave. The first round of each warms up and does not count.
 */
export async function inTurns<Name extends string>(
  rounds: number,
  contenders: Record<Name, () => number | Promise<number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const results = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round += 1)
    for (const name of names) {
      collectGarbage();
      const result = await contenders[name]();
      if (round > 0) results[name].push(result);
    }
  return results;
}

/** `61,200/s`. */
export function rate(count: number, ms: number): string {
  return `${Number(((count / ms) * 1_000).toPrecision(3)).toLocaleString('en')}/s`;
}

/** `0.032 ms`, `412 ms`. */
export function ms(value: number): string {
  return `${value < 10 ? value.toPrecision(2) : Math.round(value).toLocaleString('en')} ms`;
}

export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
