/**
 * The process of this engine beside the command itself: `node process.ts JOB`. It says what it does as JSON lines on
 * stdout. SIGTERM or SIGINT stop it, and so does the end of whoever reads it.
 */
import { readFileSync } from 'node:fs';
import { FailureError, failureOf } from '../../core/failure.ts';
import { ProgressMeter } from '../files/progress-meter.ts';
import type { Job, JobEvent } from './job.ts';
import { doJob } from './tasks.ts';

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());
process.stdout.on('error', () => stopping.abort());

function say(event: JobEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function run(): Promise<number> {
  const meter = new ProgressMeter(progress => say({ type: 'progress', progress }));
  try {
    const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Job;
    const onFile = ({ files, bytes }: { files: number; bytes: number }) => {
      meter.filesDone = files;
      meter.bytesDone = bytes;
    };
    const result = await doJob(job, onFile, stopping.signal);
    meter.end();
    say({ type: 'result', result });
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return 143;
    // An unclassified error is a defect: where it came from is worth a line in the log.
    if (!(error instanceof FailureError)) process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    say({ type: 'failure', failure: failureOf(error) });
    return 1;
  }
}

process.exit(await run());
