/** The threads that read for a backup. */
import { ThreadPool, threadCount } from '../../repository/thread-pool.ts';
import type { FilesRead, FilesToRead, ReadJob, ReadThreadData } from './read-messages.ts';

export class ReadPool {
  readonly #threads: ThreadPool<ReadJob, FilesRead | undefined>;

  /** Together the threads read no more than `bytesPerSecond`; 0 where there is no limit. */
  constructor(data: Omit<ReadThreadData, 'bytesPerSecond'>, bytesPerSecond: number) {
    const each: ReadThreadData = { ...data, bytesPerSecond: bytesPerSecond / threadCount() };
    this.#threads = new ThreadPool('read-thread', import.meta.url, each);
  }

  /** Rejects once a thread can do no more; else never settles. */
  get failed(): Promise<never> {
    return this.#threads.failed;
  }

  /** Resolves with what became of the files. */
  read(files: FilesToRead): Promise<FilesRead> {
    return this.#threads.run(files) as Promise<FilesRead>;
  }

  /** Resolves once all that was read is stored: under its packs' names, or, to `keep`, where a later attempt finds it. */
  async end(how: 'finish' | 'keep'): Promise<void> {
    await this.#threads.runOnEach(how);
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }
}
