/** What the main thread of a backup and the threads that read for it say to each other. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SkippedFile } from '../../domain/run.ts';
import type { BytePath } from '../../repository/byte-path.ts';
import type { Attributes, Piece } from '../../repository/manifest.ts';
import type { Repository } from '../../repository/repository.ts';
import { bytesOf, ThreadCounters } from '../../repository/thread-counters.ts';

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

/** Files to be read, in columns: an object a file takes longer to send than the file to read. */
export interface FilesToRead {
  paths: BytePath[];
  /** Device and inode of each. */
  identities: BigInt64Array;
  /** The name of its hard links in the manifest, from 1 up; 0 where it has none. */
  groups: number[];
}

export interface FilesRead {
  /** Of each file its lines in the manifest; empty where it was skipped. */
  lines: string[];
  sizes: number[];
  /** What is to be told, of files that were skipped and of those that changed. */
  told: { place: number; why: SkippedFile['why']; code: string }[];
}

/** Files to be read; or that all that was read is to be made durable (ReadPool.end), which is answered by nothing. */
export type ReadJob = FilesToRead | 'finish' | 'keep';

/** What is counted in bytes: of files that were read, holes included; of those the repository had; of what was written to it. */
const readCounts = ['read', 'reused', 'stored'] as const;

/** The counters of the reading threads, and the flags that let them wait for another run. */
export class ReadCounters extends ThreadCounters<(typeof readCounts)[number]> {
  readonly #held: Int32Array;
  readonly #shared: Int32Array;

  constructor(memory = new SharedArrayBuffer(bytesOf(readCounts) + 8)) {
    super(readCounts, memory);
    this.#held = new Int32Array(memory, bytesOf(readCounts), 1);
    this.#shared = new Int32Array(memory, bytesOf(readCounts) + 4, 1);
  }

  /** Nobody is to store anything for now: another run is about to (companions.ts). */
  get isHeld(): boolean {
    return Atomics.load(this.#held, 0) !== 0;
  }

  set isHeld(held: boolean) {
    Atomics.store(this.#held, 0, held ? 1 : 0);
  }

  /** Resolves once it is held no more, or stopped. What the thread has begun goes on meanwhile. */
  async released(): Promise<void> {
    while (this.isHeld && !this.isStopped) await delay(20);
  }

  /** Another run stores the same at the same time. */
  get isShared(): boolean {
    return Atomics.load(this.#shared, 0) !== 0;
  }

  share(): void {
    Atomics.store(this.#shared, 0, 1);
  }
}
