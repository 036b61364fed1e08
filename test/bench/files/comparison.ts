/** Rows of the table: what one contender took beside what another took in the same rounds. */
import { median, percent, type Row, ratioOf } from '../measure.ts';
import type { Usage } from './measured-process.ts';

/** What every part works with. */
export interface Bench {
  scratch: string;
  rounds: number;
  /** Multiplies sizes and counts of the data. */
  scale: number;
  /** Whether the tree of a million files is wanted. */
  isMillionWanted: boolean;
  /** Tells whoever waits what was measured just now. */
  say(line: string): void;
}

/** What a part found out: its data in words, and its rows. */
export interface Findings {
  data: string;
  rows: Row[];
}

/** `wall` alone, or `whole`: with the CPU time and the peak of memory beside it. */
export type Aspect = 'wall' | 'cpu' | 'peak' | 'whole';

export interface Target {
  text: string;
  isMet(ratio: number): boolean;
}

export function atMost(part: number, text = `<= ${percent(part)}`): Target {
  return { text, isMet: ratio => ratio <= part };
}

export const lessThanAnchor: Target = { text: '< 100 %', isMet: ratio => ratio < 1 };

/** `own` against `anchor`, round by round. Without a target, none is missed. */
export function compare(
  figure: string,
  aspect: Aspect,
  own: readonly Usage[],
  anchor: { name: string; usages: readonly Usage[] },
  target?: Target,
): Row {
  const ratio = ratioOf(own.map(numberOf[aspect]), anchor.usages.map(numberOf[aspect]));
  return {
    figure,
    value: inWords[aspect](own),
    anchor: `${anchor.name} ${inWords[aspect](anchor.usages)}`,
    ratio: inTimes(ratio),
    target: target?.text ?? '',
    met: target?.isMet(ratio) ?? true,
  };
}

const numberOf: Record<Aspect, (usage: Usage) => number> = {
  wall: usage => usage.wallS,
  whole: usage => usage.wallS,
  cpu: usage => usage.cpuS,
  peak: usage => usage.peakBytes,
};

const inWords: Record<Aspect, (usages: readonly Usage[]) => string> = {
  wall: usages => seconds(medianOf(usages, 'wall')),
  cpu: usages => seconds(medianOf(usages, 'cpu')),
  peak: usages => megabytes(medianOf(usages, 'peak')),
  whole: usages => `${inWords.wall(usages)} (CPU ${inWords.cpu(usages)}, ${inWords.peak(usages)})`,
};

export function medianOf(usages: readonly Usage[], aspect: Aspect): number {
  return median(usages.map(numberOf[aspect]));
}

/** Of one process, for whoever waits. */
export function usageInWords(usage: Usage): string {
  return inWords.whole([usage]);
}

/** `0.42 s`, `12.3 s`. */
export function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
}

/** `83 %`, `2.6 times`. */
export function inTimes(ratio: number): string {
  return ratio < 2 ? percent(ratio) : `${Number(ratio.toPrecision(2))} times`;
}
