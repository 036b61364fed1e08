/**
 * A short call of a tool beside an engine: a listing, a version, a snapshot.
 *
 * 1. It is bounded, always: when its time is over, or nobody waits for it any more, its whole process tree is killed.
 * 2. It carries the run's token, so that what a dead agent left of it is found like the rest of the run.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { formatDuration } from '../core/durations.ts';
import { FailureError } from '../core/failure.ts';
import { engineEnvironment } from './engine-environment.ts';
import { Members, tokenVariable } from './members.ts';
import { identityOfChild } from './process-identity.ts';
import { StopLadder } from './stop-ladder.ts';

export interface HelperCall {
  /** What it does, for people, such as `the listing of snapshots`. */
  what: string;
  command: string;
  args: readonly string[];
  /** Variables beyond the allowlist. */
  env?: Readonly<Record<string, string>>;
  /** The token of the run that it is called for. */
  token: string;
  signal: AbortSignal;
  /** Default one minute. */
  timeoutMs?: number;
}

export interface HelperResult {
  /** Exit status; null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** At most 4 MiB; what is more is dropped. */
  stdout: string;
  /** At most the first 64 KiB. */
  stderr: string;
}

export const helperTimeoutMs = 60_000;
const stdoutBytesMax = 4 * 2 ** 20;
const stderrBytesMax = 64 * 2 ** 10;
const graceMs = 2_000;

/**
 * Calls a tool and resolves with its exit and its words, whatever its status. Rejects with the FailureErrors
 * `engine-missing` where it cannot be started and `deadline-other` where its time was over, and with the signal's reason.
 */
export async function callHelper(call: HelperCall): Promise<HelperResult> {
  const { what, command, args, env = {}, token, signal, timeoutMs = helperTimeoutMs } = call;
  signal.throwIfAborted();
  const child = spawn(command, args, {
    env: { ...engineEnvironment(env), [tokenVariable]: token },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [firstBytes(child.stdout, stdoutBytesMax), firstBytes(child.stderr, stderrBytesMax)];
  const over = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', error => reject(notStarted(command, error)));
    child.once('exit', (code, killedBy) => resolve({ code, signal: killedBy }));
  });
  if (child.pid === undefined) throw await over.catch((error: unknown) => error);
  const members = new Members(identityOfChild(child.pid), token);
  over.catch(() => undefined);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(outOfTime(what, timeoutMs)), timeoutMs);
  const abort = () => late.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    // Somebody else may hold its pipes open after its exit: that too is bounded.
    const [end, said, complained] = await Promise.race([Promise.all([over, stdout, stderr]), late.promise]);
    return { ...end, stdout: said, stderr: complained };
  } catch (error) {
    await new StopLadder(members, [], { graceMs }).run();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Resolves with the first bytes as text at the end of the stream; what is more is read and dropped. */
function firstBytes(stream: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let left = bytesMax;
  return new Promise(resolve => {
    stream.on('data', (chunk: Buffer) => {
      if (left > 0) chunks.push(chunk.subarray(0, left));
      left -= chunk.length;
    });
    stream.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
    stream.on('error', () => undefined);
  });
}

function outOfTime(what: string, timeoutMs: number): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'deadline-other',
    message: `the deadline of ${what} passed: it did not answer within ${formatDuration(timeoutMs)}, and was killed`,
    hint: 'see whether what it asks is reachable; the next run tries again',
  });
}

function notStarted(command: string, cause: Error): FailureError {
  const failure = {
    kind: 'permanent',
    code: 'engine-missing',
    message: `cannot start ${command}: ${cause.message}`,
    hint: 'install it, and see that the user of the agent may run it',
  } as const;
  return new FailureError(failure, { cause });
}
