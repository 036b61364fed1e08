/** The engine process: it does one job, and a stop ends it at a chunk's end, with its temporary files removed. */
import { runJob } from '../job-process.ts';
import { parseJob } from './job.ts';
import { doJob } from './tasks.ts';

process.exit(await runJob(parseJob, doJob));
