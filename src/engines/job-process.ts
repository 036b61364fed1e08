/**
 * The process side of a job (job-step.ts): `node process.ts JOB`. It does one job, says what it does as JSON lines on
 * stdout, and ends with one of `jobExit`. SIGTERM or SIGINT stop it, at a place that the job chooses. That whoever started
 * it is gone does not: its runner ends it when its time is over.
 *
 * How the job ended, its last line, is also left whole as `result.json` beside the job: a log may be cut while nobody
 * follows it.
 */
import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { FailureError, failureOf } from '../core/failure.ts';
import type { JobEvent } from './job-step.ts';
import { ProgressMeter } from './progress-meter.ts';

/** How the process ends. */
export const jobExit = {
  /** With a result. */
  done: 0,
  /** With a failure. */
  failed: 1,
  /** The job file cannot be read or is not a job. */
  badJob: 2,
  /** It was told to stop, and left nothing half done. */
  stopped: 143,
} as const;

const stopping = new AbortController();
const stop = (): void => stopping.abort();

/** Does the job that this process was started with. Resolves with the status to exit with. */
export async function runJob<Job, Result>(
  parse: (text: string) => Job,
  work: (job: Job, meter: ProgressMeter, signal: AbortSignal) => Promise<Result>,
): Promise<number> {
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const job = readJob(parse);
  if (job === undefined) return jobExit.badJob;
  const meter = new ProgressMeter(progress => say({ type: 'progress', progress }));
  try {
    const result = await work(job, meter, stopping.signal);
    meter.end();
    sayEnding({ type: 'result', result });
    return jobExit.done;
  } catch (error) {
    if (stopping.signal.aborted) return jobExit.stopped;
    // An unclassified error is a defect: where it came from is worth a line in the log.
    if (!(error instanceof FailureError)) process.stderr.write(`${inspect(error)}\n`);
    sayEnding({ type: 'failure', failure: failureOf(error) });
    return jobExit.failed;
  }
}

function readJob<Job>(parse: (text: string) => Job): Job | undefined {
  const path = process.argv[2];
  try {
    if (path === undefined) throw new Error('it was started without a job file');
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const message = `the engine got a bad job: ${error instanceof Error ? error.message : String(error)}`;
    const hint = 'this is a defect of Reeve: report it with the log';
    sayEnding({ type: 'failure', failure: { kind: 'permanent', code: 'defect', message, hint } });
    return undefined;
  }
}

/** A full disk must not stop a backup: then nobody hears the line. Where nobody reads a pipe any more, nobody wants it. */
function say(event: JobEvent<unknown>): void {
  try {
    writeSync(1, `${JSON.stringify(event)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') stop();
  }
}

/** Says how the job ended. */
function sayEnding(event: JobEvent<unknown>): void {
  try {
    const path = join(dirname(process.argv[2] ?? ''), 'result.json');
    writeFileSync(`${path}.new`, `${JSON.stringify(event)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // The line says it too.
  }
  say(event);
}
