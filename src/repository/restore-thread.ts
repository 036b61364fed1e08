/** A thread that writes files of a restore. */
import { workerData } from 'node:worker_threads';
import { ChunkIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { FileRestorer, type FileToRestore } from './file-restorer.ts';
import { type RestoreThreadData, restoreCounts } from './restore-messages.ts';
import { targetError } from './restore-target.ts';
import { ThreadCounters } from './thread-counters.ts';
import { serveJobs } from './thread-pool.ts';

const { repository, to, root, repeated, index, counters } = workerData as RestoreThreadData;
const counted = new ThreadCounters(restoreCounts, counters);
const chunks = new ChunkReader(repository, new ChunkIndex(index));
const onBytes = (bytes: number) => counted.add('bytes', bytes);
const restorer = new FileRestorer({ root, repeated, onBytes, isStopped: () => counted.isStopped }, chunks);

serveJobs<FileToRestore[], void>(
  files => {
    for (const file of files) restorer.restore(file);
  },
  error => targetError(to, error),
);
