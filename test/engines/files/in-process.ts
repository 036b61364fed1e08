/** Jobs of the engine that nobody is to kill, done in the test's own process: the same parts, sooner. */
import type { EngineResult } from '../../../src/engines/files/events.ts';
import type { Job, JobOf } from '../../../src/engines/files/job.ts';
import { doJob } from '../../../src/engines/files/tasks.ts';
import { ProgressMeter } from '../../../src/engines/progress-meter.ts';

type ResultOf<Task extends Job['task']> = Extract<EngineResult, { task: Task }>;

/** Rejects with the failure. */
export async function doHere<Task extends Job['task']>(job: JobOf<Task>): Promise<ResultOf<Task>> {
  const meter = new ProgressMeter(() => undefined);
  try {
    return (await doJob(job, meter, new AbortController().signal)) as ResultOf<Task>;
  } finally {
    meter.end();
  }
}
