/** A thread that reads files and stores their chunks. */
import { workerData } from 'node:worker_threads';
import { ChunkSet } from '../../repository/chunk-set.ts';
import { PackWriter } from '../../repository/pack-writer.ts';
import { repositoryError } from '../../repository/repository-failure.ts';
import { JobStopped, serveJobs } from '../../repository/thread-pool.ts';
import { readBatch } from './batch-reader.ts';
import { FileReader } from './file-reader.ts';
import { type FilesRead, ReadCounters, type ReadJob, type ReadThreadData } from './read-messages.ts';

const data = workerData as ReadThreadData;
const counters = new ReadCounters(data.counters);
const writer = new PackWriter(data.repository, data.run, new ChunkSet(data.known), {
  onStored: bytes => counters.add('stored', bytes),
  isShared: () => counters.isShared,
});
const reader = new FileReader(data, writer, counters);

async function handle(job: ReadJob): Promise<FilesRead | undefined> {
  if (typeof job !== 'string')
    return readBatch(
      job,
      file => reader.read(file),
      error => error instanceof JobStopped || writer.failed,
    );
  await (job === 'finish' ? writer.finish() : writer.keep());
  await writer.close();
  return undefined;
}

serveJobs(handle, error => repositoryError(data.repository.path, error));
