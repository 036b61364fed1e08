/** What the main thread of a backup and the threads that read for it say to each other. */
import type { SkippedFile } from '../../domain/run.ts';
import type { BytePath } from '../../repository/byte-path.ts';
import type { Attributes, Piece } from '../../repository/manifest.ts';
import type { Repository } from '../../repository/repository.ts';

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

/** Numbers that threads add to while they work, and the flag that stops them. */
export class ReadCounters {
  readonly memory: SharedArrayBuffer;
  readonly #counts: BigInt64Array;
  readonly #stop: Int32Array;

  constructor(memory = new SharedArrayBuffer(40)) {
    this.memory = memory;
    this.#counts = new BigInt64Array(memory, 0, 4);
    this.#stop = new Int32Array(memory, 32, 1);
  }

  /** Bytes of files that were read, holes included. */
  get read(): number {
    return Number(Atomics.load(this.#counts, 0));
  }

  /** Bytes of them whose chunks the repository had already. */
  get reused(): number {
    return Number(Atomics.load(this.#counts, 1));
  }

  /** Bytes that were written to the repository for them. */
  get stored(): number {
    return Number(Atomics.load(this.#counts, 2));
  }

  add(count: 'read' | 'reused' | 'stored', bytes: number): void {
    Atomics.add(this.#counts, ['read', 'reused', 'stored'].indexOf(count), BigInt(bytes));
  }

  get isStopped(): boolean {
    return Atomics.load(this.#stop, 0) !== 0;
  }

  stop(): void {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
  }

  /** Waits in this thread, unless it is stopped. */
  pause(ms: number): void {
    if (ms > 0) Atomics.wait(this.#stop, 0, 0, ms);
  }
}
