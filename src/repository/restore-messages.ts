/** What the main thread of a restore and the threads that write files for it say to each other. */
import type { SharedIndex } from './chunk-index.ts';
import type { Repository } from './repository.ts';
import type { ThreadCounters } from './thread-counters.ts';

/** What a thread is made with. */
export interface RestoreThreadData {
  repository: Repository;
  /** The directory as the caller named it, for what is said about it. */
  to: string;
  root: string;
  repeated: boolean;
  index: SharedIndex;
  /** Of the RestoreCounters. */
  counters: SharedArrayBuffer;
}

/** Bytes of files that are written, or found written. */
export const restoreCounts = ['bytes'] as const;
export type RestoreCounters = ThreadCounters<(typeof restoreCounts)[number]>;
