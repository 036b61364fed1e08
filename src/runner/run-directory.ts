/** The directory of a run, `<data>/runs/<run id>/`: its job, its processes and its logs (`run-files.ts`). Owner only. */
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import { Leaves } from './cgroup-leaves.ts';
import { writeWhole } from './synced-file.ts';

/** Most bytes of a job file. */
export const jobBytesMax = 2 ** 20;

export class RunDirectory {
  readonly path: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  /** Where an engine leaves, whole, what it must not lose of what it says; gone when the next one starts. */
  readonly resultPath: string;

  /** Names the directory, whether it is there or not. Throws for what is no run id. */
  constructor(dataDirectory: string, runId: string) {
    if (!isId(runId)) throw new Error(`not a run id: ${JSON.stringify(runId)}`);
    this.path = join(dataDirectory, 'runs', runId);
    this.stdoutPath = join(this.path, 'stdout.log');
    this.stderrPath = join(this.path, 'stderr.log');
    this.resultPath = join(this.path, 'result.json');
  }

  /** Makes it where it is missing. May be called twice. */
  async create(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Removes it with all that is in it, and the control groups that it names. May be called twice. */
  async remove(): Promise<void> {
    new Leaves(this.path).remove();
    await rm(this.path, { recursive: true, force: true });
  }

  /**
   * Writes a job into the file `name`, over the one that was there; resolves with its path once it is whole and synced.
   * Throws the failure `job-too-large` beyond `jobBytesMax`.
   */
  async writeJob(job: object, name = 'job.json'): Promise<string> {
    const text = `${JSON.stringify(job)}\n`;
    const bytes = Buffer.byteLength(text);
    if (bytes > jobBytesMax)
      throw new FailureError({
        kind: 'permanent',
        code: 'job-too-large',
        message: `the job for ${this.path} has ${bytes} bytes, more than ${jobBytesMax}`,
        hint: 'name fewer paths and patterns in the plan',
      });
    await writeWhole(this.path, name, text);
    return join(this.path, name);
  }

  /** The text of `result.json`; undefined where the engine left none. */
  async result(): Promise<string | undefined> {
    return await readFile(this.resultPath, 'utf8').catch(ifMissing(undefined));
  }

  /** The last bytes of the engine's stderr, without white space around them; empty where there is none. */
  async stderrTail(bytesMax: number): Promise<string> {
    const newest = await tail(this.stderrPath, bytesMax);
    // What was kept when the log was cut comes before it.
    const older = await tail(`${this.stderrPath}.old`, bytesMax - newest.length);
    return Buffer.concat([older, newest]).toString('utf8').trim();
  }
}

async function tail(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path).catch(ifMissing(undefined));
  if (!file) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The ids of the runs that have a directory, in order. */
export async function runsWithDirectory(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(join(dataDirectory, 'runs'), { withFileTypes: true }).catch(ifMissing([]));
  const runs = entries.filter(entry => entry.isDirectory() && isId(entry.name));
  return runs.map(entry => entry.name).sort();
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
