/**
 * The process of a restore: `node restore-process.ts JOB`. restic 0.14 writes a snapshot under its whole path, and says
 * nothing while it does. So it writes into a directory of its own below the target (newer ones could leave the path out,
 * but one way is enough), we measure what comes, and then move the contents of the path up.
 *
 * 1. Nothing is moved before restic has ended well, which the mark in the run's directory says from then on.
 * 2. Without a mark a repetition starts anew; with one it moves what is not moved yet. Each entry moves at once.
 * 3. The target must be empty, but for a directory of this very run.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import { FailureError, failureOf } from '../../core/failure.ts';
import { targetError } from '../../repository/restore-target.ts';
import type { RestoreEvent, RestoreJob } from './restore.ts';
import { measure, moveUp, readMark, writeMark } from './restored-tree.ts';

function say(event: RestoreEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Resolves with the status to end with. */
async function restore(job: RestoreJob): Promise<number> {
  let mark = readMark(job.mark);
  if (!mark) {
    await takeTarget(job);
    const status = await runRestic(job);
    if (status !== 0) return status;
    mark = await writeMark(job);
  }
  await moveUp(job, mark);
  say({ type: 'result', ...mark.total });
  return 0;
}

/** Empties what an earlier attempt of this run began. */
async function takeTarget({ to, staging }: RestoreJob): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  if ((await readdir(to)).some(name => name !== basename(staging)))
    throw new FailureError({
      kind: 'permanent',
      code: 'target-not-empty',
      message: `${to} is not empty: a restore never writes among other files`,
      hint: 'name a directory that is empty, or not there yet',
    });
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
}

const measureEveryMs = 1_000;

async function runRestic(job: RestoreJob): Promise<number> {
  const [command = '', ...args] = job.restic;
  // The signals that end it go to the whole group: it hears them itself, and we wait for its end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  const target = [`--target=${join(job.staging, 'data')}`];
  const restic = spawn(command, [...args, ...target], { stdio: ['ignore', 'ignore', 'inherit'] });
  // Nobody reads any more: whoever asked for it is gone.
  process.stdout.on('error', () => restic.kill('SIGINT'));
  let over = false;
  const again = new ReadAgain(restic.pid);
  const ended = new Promise<number>((resolve, reject) => {
    restic.once('error', cause => reject(notStarted(command, cause)));
    restic.once('exit', (code, signal) => resolve(signal ? 128 : (code ?? 1)));
  }).finally(() => {
    over = true;
  });
  ended.catch(() => undefined);
  while (!over) {
    const began = performance.now();
    const measured = await measure(job.staging);
    const { files } = measured;
    const bytes = job.isReadAgain ? again.progressed(measured.bytes) : measured.bytes;
    const { total } = job;
    const rest = { rateBytesPerS: null, etaS: null };
    if (!over)
      say({
        type: 'progress',
        progress: {
          ...{ bytesDone: bytes, filesDone: files },
          ...{ bytesTotal: total?.bytes ?? null, filesTotal: total?.files ?? null },
          ...rest,
        },
      });
    // A tree that takes long to look at is looked at less often.
    const pauseMs = Math.max(measureEveryMs, 10 * (performance.now() - began));
    await Promise.race([ended.catch(() => 1), new Promise(resolve => setTimeout(resolve, pauseMs).unref())]);
  }
  return await ended;
}

/** What a process has read since nothing more was written: a restore that is read again goes on, though it says nothing. */
class ReadAgain {
  readonly #pid: number | undefined;
  #written = -1;
  #readBefore = 0;

  constructor(pid: number | undefined) {
    this.#pid = pid;
  }

  progressed(written: number): number {
    const read = this.#readBytes();
    if (written !== this.#written) this.#readBefore = read;
    this.#written = written;
    return written + Math.max(0, read - this.#readBefore);
  }

  /** Only Linux tells. */
  #readBytes(): number {
    try {
      return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${this.#pid}/io`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  }
}

function notStarted(command: string, cause: Error): FailureError {
  const message = `cannot start ${command}: ${cause.message}`;
  return new FailureError({ kind: 'permanent', code: 'engine-missing', message, hint: 'install it' }, { cause });
}

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as RestoreJob;
try {
  process.exitCode = await restore(job);
} catch (error) {
  const told = targetError(job.to, error);
  if (!(told instanceof FailureError)) process.stderr.write(`${inspect(error)}\n`);
  say({ type: 'failure', failure: failureOf(told) });
  process.exitCode = 1;
}
