/** A thread that writes files of a restore. */
import { workerData } from 'node:worker_threads';
import { ChunkIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { FileRestorer } from './file-restorer.ts';
import { PieceWriter } from './piece-writer.ts';
import { type RestoreJob, type RestoreThreadData, restoreCounts } from './restore-messages.ts';
import { targetError } from './restore-target.ts';
import { ThreadCounters } from './thread-counters.ts';
import { serveJobs } from './thread-pool.ts';

const { repository, to, root, repeated, index, counters } = workerData as RestoreThreadData;
const chunks = new ChunkReader(repository, new ChunkIndex(index));
const restorer = new FileRestorer(
  { root, repeated },
  new PieceWriter(chunks, new ThreadCounters(restoreCounts, counters)),
);

serveJobs<RestoreJob, void>(
  job => {
    if ('files' in job) for (const file of job.files) restorer.restore(file);
    else if ('part' in job) restorer.writePart(job.part);
    else restorer.end(job.end);
  },
  error => targetError(to, error),
);
