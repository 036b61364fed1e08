/** How to start the engine process: from the sources as from a build, with the Node that runs already. */
import { processBeside } from '../job-step.ts';
import type { Job } from './job.ts';

/**
 * What its environment needs. A backup is to give memory back at once, which glibc does only where it is told a bound:
 * buffers of a chunk's size come and go, and without this the process holds some 100 MB more. It costs time, and a
 * restore is in a hurry.
 */
export function engineVariables(task: Job['task']): Record<string, string> {
  return task === 'backup' ? { MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_ARENA_MAX: '1' } : {};
}

/**
 * What V8 is told. It would let the young generation grow to 128 MB, also where next to nothing of it lives on. Nor has a
 * backup much code to be made faster, for hashing and compressing are Node's: V8's choice of size before speed takes a
 * tenth more processor time of small files, and a tenth less memory; and without copies of its builtins it takes 2 MB less
 * a thread. (Options have to stand in the command: given by NODE_OPTIONS, threads take nothing from the compile cache.)
 */
const backupOptions = ['--max-semi-space-size=2', '--optimize-for-size', '--no-short-builtin-calls'];
const otherOptions = ['--max-semi-space-size=4'];

/** The command and its arguments, for a job file at this path. */
export function engineCommand(jobPath: string, task?: Job['task']): [command: string, ...args: string[]] {
  const options = task === 'backup' ? backupOptions : otherOptions;
  return [process.execPath, ...options, processBeside(import.meta.url, 'process'), jobPath];
}
