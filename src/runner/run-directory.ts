/** The directory of a run, `<data>/runs/<run id>/`: its job, its engine's identity and its stderr. Owner only. */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import { writeSyncedFile } from './synced-file.ts';

/** Most bytes of a job file. */
export const jobBytesMax = 2 ** 20;

export class RunDirectory {
  readonly path: string;
  readonly stderrPath: string;

  /** Names the directory, whether it is there or not. Throws for what is no run id. */
  constructor(dataDirectory: string, runId: string) {
    if (!isId(runId)) throw new Error(`not a run id: ${JSON.stringify(runId)}`);
    this.path = join(dataDirectory, 'runs', runId);
    this.stderrPath = join(this.path, 'stderr.log');
  }

  /** Makes it where it is missing. May be called twice. */
  async create(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Removes it with all that is in it. May be called twice. */
  async remove(): Promise<void> {
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
    const path = join(this.path, name);
    await writeSyncedFile(`${path}.next`, text);
    await rename(`${path}.next`, path);
    return path;
  }

  /** The last bytes of the engine's stderr, without white space around them; empty where there is none. */
  async stderrTail(bytesMax: number): Promise<string> {
    const file = await open(this.stderrPath).catch(ifMissing(undefined));
    if (!file) return '';
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, bytesMax));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8', 0, bytesRead).trim();
    } finally {
      await file.close();
    }
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
