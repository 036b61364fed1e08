/** The process of this engine beside the command itself: it proves, commits, verifies and discards what the command wrote. */
import { runJob } from '../job-process.ts';
import type { Job } from './job.ts';
import { doJob } from './tasks.ts';

process.exit(
  await runJob(
    text => JSON.parse(text) as Job,
    async (job, meter, signal) =>
      await doJob(
        job,
        ({ files, bytes }) => {
          meter.filesDone = files;
          meter.bytesDone = bytes;
        },
        signal,
      ),
  ),
);
