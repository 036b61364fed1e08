/**
 * The engine process: `node process.ts JOB`. It does one job, says what it does as JSON lines on stdout, and ends with
 * one of `engineExit`. SIGTERM, SIGINT, or the end of a piped stdin (whoever started it is gone) stop it: at a chunk's
 * end, with its temporary files removed.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { FailureError, failureOf } from '../../core/failure.ts';
import { type EngineEvent, engineExit } from './events.ts';
import { type Job, parseJob } from './job.ts';
import { ProgressMeter } from './progress-meter.ts';
import { doJob } from './tasks.ts';

const stopping = new AbortController();

/** Lines are small and stdout is a pipe or a file, so each is written before this returns. */
function say(event: EngineEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function stop(): void {
  stopping.abort();
}

function listenForTheEnd(): void {
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Nobody reads any more: as when stdin ends.
  process.stdout.on('error', stop);
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.on('end', stop).on('error', stop).resume();
}

function readJob(): Job | undefined {
  const path = process.argv[2];
  try {
    if (path === undefined) throw new Error('it was started without a job file');
    return parseJob(readFileSync(path, 'utf8'));
  } catch (error) {
    const message = `the engine got a bad job: ${error instanceof Error ? error.message : String(error)}`;
    const hint = 'this is a defect of Reeve: report it with the log';
    say({ type: 'failure', failure: { kind: 'permanent', code: 'defect', message, hint } });
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
    say({ type: 'result', result });
    return engineExit.done;
  } catch (error) {
    if (stopping.signal.aborted) return engineExit.stopped;
    // An unclassified error is a defect: where it came from is worth a line in the log.
    if (!(error instanceof FailureError)) process.stderr.write(`${inspect(error)}\n`);
    say({ type: 'failure', failure: failureOf(error) });
    return engineExit.failed;
  }
}

process.exit(await run());
