/** Counts a source beside its backup, so that progress has a whole to be held against. */
import type { ProgressMeter } from '../progress-meter.ts';
import { type WalkOptions, walkSource } from './source-walk.ts';
import { entriesATurn, turn } from './turn.ts';

/** Sets the meter's totals once all is counted. Never rejects: a count that fails leaves the totals unknown. */
export async function countSource(options: WalkOptions, meter: ProgressMeter): Promise<void> {
  const totals = { bytes: 0, files: 0 };
  let seenCount = 0;
  /** Files with many names count their bytes once. */
  const seen = new Set<bigint>();
  try {
    for (const { stat } of walkSource({ ...options, onSkipped: () => undefined })) {
      seenCount += 1;
      if (seenCount % entriesATurn === 0) await turn();
      if (stat.isDirectory()) continue;
      totals.files += 1;
      if (stat.isFile() && !(stat.nlink > 1n && seen.has(stat.ino))) totals.bytes += Number(stat.size);
      if (stat.nlink > 1n) seen.add(stat.ino);
    }
    meter.totals = totals;
  } catch {
    // Stopped, or an error that the backup itself meets and tells: either way nobody waits for this count.
    meter.totals = null;
  }
}
