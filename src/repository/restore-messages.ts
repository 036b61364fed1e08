/** What the main thread of a restore and the threads that write files for it say to each other. */
import type { BytePath } from './byte-path.ts';
import type { SharedIndex } from './chunk-index.ts';
import type { Attributes, Entry, Piece } from './manifest.ts';
import type { Repository } from './repository.ts';
import type { ThreadCounters } from './thread-counters.ts';

/** What a thread is made with. */
export interface RestoreThreadData {
  repository: Repository;
  /** The directory as the caller named it, for what is said about it. */
  to: string;
  /** The real directory. */
  root: BytePath;
  /** An earlier try may have left files. */
  repeated: boolean;
  index: SharedIndex;
  /** Of the RestoreCounters. */
  counters: SharedArrayBuffer;
}

/** A file without its content. */
export interface FileHead {
  path: BytePath;
  entry: Pick<Extract<Entry, { type: 'file' }>, 'size' | 'sparse' | keyof Attributes>;
}

/** A file to be written, with all of its content. */
export interface FileToRestore extends FileHead {
  content: Piece[];
}

/** A part of a long file, which stands already. */
export interface PartToRestore extends FileToRestore {
  /** Where the part begins in the file. */
  at: number;
  /** What stands there may be right, from an earlier try: it is read, and written only where it is not. */
  isKept: boolean;
}

/** Files to be written; a part of a long one; or a long one to be given its length and attributes, for all is written. */
export type RestoreJob = { files: FileToRestore[] } | { part: PartToRestore } | { end: FileHead };

/** Bytes of files that are written, or found written. */
export const restoreCounts = ['bytes'] as const;
export type RestoreCounters = ThreadCounters<(typeof restoreCounts)[number]>;
