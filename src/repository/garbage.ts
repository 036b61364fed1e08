/**
 * Collects garbage before it hangs on to too much memory. Compressing, and decompressing, leaves a buffer of a frame's size
 * behind each time; what holds them is a few bytes of heap, so the collector sees no reason to come by until they
 * are some hundred megabytes. A collection of so small a heap takes some milliseconds.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const collectEachBytes = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'major' }) => void;

let left = 0;

/** Says that a buffer of so many bytes was left behind in this thread. */
export function leftBehind(bytes: number): void {
  left += bytes;
  if (left < collectEachBytes) return;
  left = 0;
  collect({ type: 'major' });
}
