/** What the main thread of a backup and the threads that read for it say to each other. */
import type { SkippedFile } from '../../domain/run.ts';
import type { BytePath } from '../../repository/byte-path.ts';
import type { Attributes, Piece } from '../../repository/manifest.ts';
import type { Repository } from '../../repository/repository.ts';
import type { ThreadCounters } from '../../repository/thread-counters.ts';

/** What a thread is made with. */
export interface ReadThreadData {
  repository: Repository;
  run: string;
  /** The real directory that paths are relative to. */
  root: BytePath;
  /** Of the ChunkSet. */
  known: SharedArrayBuffer;
  /** Of the ReadCounters. */
  counters: SharedArrayBuffer;
  /** The most that this thread reads in a second; 0 where there is no limit. */
  bytesPerSecond: number;
}

export interface FileToRead {
  path: BytePath;
  /** What the walk found there; another file under this name by now counts as vanished. */
  dev: bigint;
  ino: bigint;
}

export interface FileRead extends Attributes {
  size: number;
  sparse: boolean;
  /** Something wrote to the file, its attributes or its links while it was read, each time that it was. */
  changed: boolean;
  /** By what it is known again (unchanged.ts); null where it may change without it showing. */
  seen: string | null;
  content: Piece[];
}

export type ReadResult = FileRead | { skipped: { why: SkippedFile['why']; code: string } };

/** Files to be read; or that all that was read is to be made durable (ReadPool.end), which is answered by nothing. */
export type ReadJob = FileToRead[] | 'finish' | 'keep';

/** What is counted in bytes: of files that were read, holes included; of those the repository had; of what was written to it. */
export const readCounts = ['read', 'reused', 'stored'] as const;
export type ReadCounters = ThreadCounters<(typeof readCounts)[number]>;
