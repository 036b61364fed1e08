/** A job that a process of ours does (job-process.ts), as a step of a run: what it says, and what becomes of its result. */
import { fileURLToPath } from 'node:url';
import { type Failure, FailureError } from '../core/failure.ts';
import type { Progress } from '../domain/run.ts';
import type { EngineOrder, EngineScope, EngineStep } from './engine.ts';
import { endedWithout } from './failures.ts';

/** What the process says on its stdout, a line each; the last one is the result or the failure, unless it was stopped. */
export type JobEvent<Result> =
  | { type: 'progress'; progress: Progress }
  | { type: 'result'; result: Result }
  | { type: 'failure'; failure: Failure };

export interface JobToDo<Job extends object> {
  job: Job | (() => Promise<Job>);
  /** How its process is started for a job file at this path. */
  order: (jobPath: string, job: Job) => EngineOrder;
}

export function jobStep<Job extends object, Result, Output>(
  { directory }: Pick<EngineScope, 'directory'>,
  { job, order }: JobToDo<Job>,
  outputOf: (result: Result) => Output,
): EngineStep<Output> {
  let last: Exclude<JobEvent<Result>, { type: 'progress' }> | undefined;
  return {
    order: async () => {
      const asked = typeof job === 'function' ? await job() : job;
      return order(await directory.writeJob(asked), asked);
    },
    hear: line => {
      const event = eventOf<Result>(line);
      if (event?.type === 'progress') return event.progress;
      if (event) last = event;
      return undefined;
    },
    outcome: async end => {
      // A log that was cut may have lost the last line; the file beside it has it, too.
      const word = last ?? eventOf<Result>((await directory.result()) ?? '');
      if (word?.type === 'failure') throw new FailureError(word.failure);
      // Where its runner was killed nobody knows the status; that it said its result is enough.
      const isDone = end.code === 0 || (end.code === null && end.signal === null);
      if (word?.type === 'result' && isDone) return outputOf(word.result);
      throw endedWithout(end);
    },
  };
}

/** The path of a process beside the module `of` (its `import.meta.url`): from the sources as from a build. */
export function processBeside(of: string, name: string): string {
  return fileURLToPath(new URL(`./${name}.${of.endsWith('.ts') ? 'ts' : 'js'}`, of));
}

/** A line that is no event of ours is passed over: the outcome is told by the exit and the last event. */
function eventOf<Result>(line: string): JobEvent<Result> | undefined {
  try {
    return JSON.parse(line) as JobEvent<Result>;
  } catch {
    return undefined;
  }
}
