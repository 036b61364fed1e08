/** `node compare-process.ts JOB`: reads back what a drill restored, apart from the agent. */
import { runJob } from '../job-process.ts';
import type { CompareJob } from './compare.ts';
import { readBack } from './reading-server.ts';

process.exit(
  await runJob(
    text => JSON.parse(text) as CompareJob,
    async ({ to }, meter, signal) =>
      (await readBack(to, signal, bytes => {
        meter.bytesDone = bytes;
      })) ?? null,
  ),
);
