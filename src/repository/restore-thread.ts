/** A thread that writes files of a restore. */
import { workerData } from 'node:worker_threads';
import { ChunkIndex, type SharedIndex } from './chunk-index.ts';
import { ChunkReader } from './chunk-reader.ts';
import { FileRestorer, type FileToRestore } from './file-restorer.ts';
import type { Repository } from './repository.ts';
import { RestoreCounters } from './restore-counters.ts';
import { targetError } from './restore-target.ts';
import { serveJobs } from './thread-pool.ts';

export interface RestoreThreadData {
  repository: Repository;
  /** The directory as the caller named it, for what is said about it. */
  to: string;
  root: string;
  repeated: boolean;
  index: SharedIndex;
  counters: SharedArrayBuffer;
}

const { repository, to, root, repeated, index, counters } = workerData as RestoreThreadData;
const counted = new RestoreCounters(counters);
const chunks = new ChunkReader(repository, new ChunkIndex(index));
const onBytes = (bytes: number) => counted.addBytes(bytes);
const restorer = new FileRestorer({ root, repeated, onBytes, isStopped: () => counted.isStopped }, chunks);

serveJobs<FileToRestore[], void>(
  files => {
    for (const file of files) restorer.restore(file);
  },
  error => targetError(to, error),
);
