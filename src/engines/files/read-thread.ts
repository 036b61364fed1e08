/** A thread that reads files and stores their chunks. */
import { workerData } from 'node:worker_threads';
import { ChunkSet } from '../../repository/chunk-set.ts';
import { PackWriter } from '../../repository/pack-writer.ts';
import { repositoryError } from '../../repository/repository-failure.ts';
import { ThreadCounters } from '../../repository/thread-counters.ts';
import { JobStopped, serveJobs } from '../../repository/thread-pool.ts';
import { FileReader } from './file-reader.ts';
import { type FileToRead, type ReadJob, type ReadResult, type ReadThreadData, readCounts } from './read-messages.ts';
import { skipOf } from './source-walk.ts';

const data = workerData as ReadThreadData;
const counters = new ThreadCounters(readCounts, data.counters);
const writer = new PackWriter(data.repository, data.run, new ChunkSet(data.known), bytes =>
  counters.add('stored', bytes),
);
const reader = new FileReader(data, writer, counters);

async function handle(job: ReadJob): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  if (typeof job === 'string') {
    await (job === 'finish' ? writer.finish() : writer.keep());
    await writer.close();
  } else for (const file of job) results.push(await read(file));
  return results;
}

async function read(file: FileToRead): Promise<ReadResult> {
  try {
    return await reader.read(file);
  } catch (error) {
    const skipped = error instanceof JobStopped || writer.failed ? undefined : skipOf(error);
    if (!skipped) throw error;
    return { skipped };
  }
}

serveJobs(handle, error => repositoryError(data.repository.path, error));
