/**
 * Collects garbage before it hangs on to too much memory. Decompressing, and walking many entries, leaves buffers behind
 * each time; what holds them is a few bytes of heap, so the collector sees no reason to come by until they are some hundred
 * megabytes. Most of them are young, and a collection of what is young takes less than a millisecond; what escapes those is
 * found by a thorough one, which takes some milliseconds of so small a heap. (Where one part alone knows when a buffer is
 * done with, it frees it by hand: frame-compressor.ts.)
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const youngEachBytes = 1024 * 1024;
const allEachBytes = 16 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'major' | 'minor' }) => void;

let [left, leftInAll] = [0, 0];

/** Says that a buffer of so many bytes was left behind in this thread. */
export function leftBehind(bytes: number): void {
  left += bytes;
  if (left < youngEachBytes) return;
  leftInAll += left;
  left = 0;
  const isDue = leftInAll >= allEachBytes;
  if (isDue) leftInAll = 0;
  collect({ type: isDue ? 'major' : 'minor' });
}
