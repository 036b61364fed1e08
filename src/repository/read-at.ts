/** Reads from a place in a file, as much as there is room for. */
import { readSync } from 'node:fs';

/** What of `into` could be filled from `at` on: all of it, unless the file ends before. */
export function readAt(file: number, into: Buffer, at: number): Buffer {
  let done = 0;
  while (done < into.length) {
    const more = readSync(file, into, done, into.length - done, at + done);
    if (more === 0) break;
    done += more;
  }
  return into.subarray(0, done);
}
