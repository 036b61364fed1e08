/** One job of this engine's own process, and what becomes of its result. */
import { fileURLToPath } from 'node:url';
import { FailureError } from '../../core/failure.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { endedWithout } from '../failures.ts';
import type { Job, JobEvent, JobOf, Results } from './job.ts';

export function jobStep<Task extends Job['task'], Output>(
  { directory }: Pick<EngineScope, 'directory'>,
  job: JobOf<Task> | (() => Promise<JobOf<Task>>),
  outputOf: (result: Results[Task]) => Output,
): EngineStep<Output> {
  let last: Exclude<JobEvent, { type: 'progress' }> | undefined;
  return {
    order: async () => {
      const path = await directory.writeJob(typeof job === 'function' ? await job() : job);
      const entry = import.meta.url.endsWith('.ts') ? './process.ts' : './process.js';
      return { command: process.execPath, args: [fileURLToPath(new URL(entry, import.meta.url)), path] };
    },
    hear: line => {
      const event = eventOf(line);
      if (event?.type === 'progress') return event.progress;
      if (event) last = event;
      return undefined;
    },
    outcome: end => {
      if (last?.type === 'failure') throw new FailureError(last.failure);
      if (last && end.code === 0) return outputOf(last.result as Results[Task]);
      throw endedWithout(end);
    },
  };
}

/** A line that is no event of ours is passed over: the outcome is told by the exit and the last event. */
function eventOf(line: string): JobEvent | undefined {
  try {
    return JSON.parse(line) as JobEvent;
  } catch {
    return undefined;
  }
}
