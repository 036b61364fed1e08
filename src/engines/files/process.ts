/**
 * The engine process: `node process.ts JOB`. It does one job, says what it does as JSON lines on stdout, and ends with
 * one of `engineExit`. SIGTERM or SIGINT stop it: at a chunk's end, with its temporary files removed. That whoever started
 * it is gone does not: its runner ends it when its time is over.
 *
 * How the job ended, its last line, is also left whole as `result.json` beside the job: a log may be cut while nobody
 * follows it.
 */
import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { FailureError, failureOf } from '../../core/failure.ts';
import { type EngineEvent, engineExit } from './events.ts';
import { type Job, parseJob } from './job.ts';
import { ProgressMeter } from './progress-meter.ts';
import { doJob } from './tasks.ts';

const stopping = new AbortController();

/** A full disk must not stop a backup: then nobody hears the line. Where nobody reads a pipe any more, nobody wants it. */
function say(event: EngineEvent): void {
  try {
    writeSync(1, `${JSON.stringify(event)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') stop();
  }
}

/** Says how the job ended. */
function sayEnding(event: EngineEvent): void {
  try {
    const path = join(dirname(process.argv[2] ?? ''), 'result.json');
    writeFileSync(`${path}.new`, `${JSON.stringify(event)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // The line says it too.
  }
  say(event);
}

function stop(): void {
  stopping.abort();
}

function listenForTheEnd(): void {
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function readJob(): Job | undefined {
  const path = process.argv[2];
  try {
    if (path === undefined) throw new Error('it was started without a job file');
    return parseJob(readFileSync(path, 'utf8'));
  } catch (error) {
    const message = `the engine got a bad job: ${error instanceof Error ? error.message : String(error)}`;
    const hint = 'this is a defect of Reeve: report it with the log';
    sayEnding({ type: 'failure', failure: { kind: 'permanent', code: 'defect', message, hint } });
    return undefined;
  }
}

async function run(): Promise<number> {
  listenForTheEnd();
  const job = readJob();
  if (!job) return engineExit.badJob;
  const meter = new ProgressMeter(progress => say({ type: 'progress', progress }));
  try {
    const result = await doJob(job, meter, stopping.signal);
    meter.end();
    sayEnding({ type: 'result', result });
    return engineExit.done;
  } catch (error) {
    if (stopping.signal.aborted) return engineExit.stopped;
    // An unclassified error is a defect: where it came from is worth a line in the log.
    if (!(error instanceof FailureError)) process.stderr.write(`${inspect(error)}\n`);
    sayEnding({ type: 'failure', failure: failureOf(error) });
    return engineExit.failed;
  }
}

process.exit(await run());
