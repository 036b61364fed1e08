/**
 * The threads that read for a backup. Files are handed to them in batches, in the order of the walk, and the answer to
 * each file is a promise of its own.
 */
import { ThreadPool, threadCount } from '../../repository/thread-pool.ts';
import type { FileToRead, ReadJob, ReadResult, ReadThreadData } from './read-messages.ts';

/** A batch is handed over once it is this large. */
const batchBytes = 4 * 1024 * 1024;
const batchFiles = 256;

interface Batch {
  files: FileToRead[];
  bytes: number;
  settle: ((result: ReadResult) => void)[];
}

export class ReadPool {
  readonly #threads: ThreadPool<ReadJob, ReadResult[]>;
  #batch: Batch = { files: [], bytes: 0, settle: [] };

  /** Together the threads read no more than `bytesPerSecond`; 0 where there is no limit. */
  constructor(data: Omit<ReadThreadData, 'bytesPerSecond'>, bytesPerSecond: number) {
    const each: ReadThreadData = { ...data, bytesPerSecond: bytesPerSecond / threadCount() };
    this.#threads = new ThreadPool('read-thread', import.meta.url, each);
  }

  /** Rejects once a thread can do no more; else never settles. */
  get failed(): Promise<never> {
    return this.#threads.failed;
  }

  /** Resolves with what became of the file. It is read once its batch is full, or flushed. */
  read(file: FileToRead, bytes: number): Promise<ReadResult> {
    const { promise, resolve } = Promise.withResolvers<ReadResult>();
    this.#batch.files.push(file);
    this.#batch.settle.push(resolve);
    this.#batch.bytes += bytes;
    if (this.#batch.bytes >= batchBytes || this.#batch.files.length >= batchFiles) this.flush();
    return promise;
  }

  /** Hands over what waits for more, for somebody waits for it. */
  flush(): void {
    const { files, settle } = this.#batch;
    if (files.length === 0) return;
    this.#batch = { files: [], bytes: 0, settle: [] };
    void this.#threads.run(files).then(results => {
      for (const [place, result] of results.entries()) settle[place]?.(result);
    });
  }

  /** Resolves once all that was read is stored: under its packs' names, or, to `keep`, where a later attempt finds it. */
  async end(how: 'finish' | 'keep'): Promise<void> {
    await this.#threads.runOnEach(how);
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }
}
