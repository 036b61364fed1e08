/**
 * An engine process from its start to its end.
 *
 * 1. It runs in a session and process group of its own, with an environment by allowlist and the run's token in it.
 * 2. It counts as started once `engine.json` names it, so an agent that comes after a crash finds what it left.
 * 3. Its stdin is a pipe that nobody writes to: the pipe's end tells it that its agent is gone.
 * 4. It has ended when it has exited and its last lines were taken; a stranger that holds its stdout open delays that by
 *    no more than a second.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { FailureError } from '../core/failure.ts';
import { BoundedFile } from './bounded-file.ts';
import { engineEnvironment } from './engine-environment.ts';
import { readEngineFile, writeEngineFile } from './engine-file.ts';
import { takeLines } from './engine-lines.ts';
import type { OnLine } from './line-reader.ts';
import { Members } from './members.ts';
import { identityOfChild, type ProcessIdentity } from './process-identity.ts';
import type { RunDirectory } from './run-directory.ts';
import { StopLadder, type StopOrder, type StopResult } from './stop-ladder.ts';

export type { StopOrder, StopResult } from './stop-ladder.ts';

export interface EngineStart {
  command: string;
  args: readonly string[];
  /** Variables beyond the allowlist, for this engine. */
  env?: Readonly<Record<string, string>>;
  /** Working directory; the run's unless given. */
  cwd?: string;
  /** The run's directory, which exists. */
  directory: RunDirectory;
  /** Unique to this attempt of the run. */
  token: string;
  /** Takes stdout line by line; while its promise is open, no more is read. If it throws, the rest is thrown away. */
  onLine: OnLine;
  /** The same for stderr, which is kept in its file all the same. */
  onErrorLine?: OnLine | undefined;
  /** Longest line in bytes, 64 KiB unless given; the rest of a longer one is dropped. */
  lineBytesMax?: number;
  /** Bound of `stderr.log` and of `stderr.log.old`, 1 MiB each unless given. */
  stderrBytesMax?: number;
}

export interface EngineEnd {
  /** Exit status; null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What `onLine` threw; undefined where all lines were taken. */
  linesError?: unknown;
}

/**
 * Starts an engine. Rejects with the failure `engine-not-started` where its command cannot be run; then there is no
 * process. Its first line is taken after this resolves.
 */
export async function startEngine(start: EngineStart): Promise<EngineProcess> {
  const { command, args, directory, token } = start;
  const file = { version: 1, token, command: [command, ...args], at: new Date().toISOString() } as const;
  await writeEngineFile(directory.path, { ...file, identity: null });
  const child = spawn(command, args, {
    cwd: start.cwd ?? directory.path,
    env: engineEnvironment(token, start.env),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  if (child.pid === undefined) throw await notStarted(start, child);
  // In this turn nobody has waited for it yet, so its pid is its own even if it has ended already.
  const identity = identityOfChild(child.pid) ?? null;
  const members = new Members(identity ?? undefined, token);
  const exited = exitOf(child);
  // Its stdout is read from now on, for Node throws away what nobody read by its exit; the first line waits.
  const counted = Promise.withResolvers<void>();
  const lines = takeLines(child.stdout, { ...start, exited, counted: counted.promise });
  const errorLines = takeErrorLines(child.stderr, start, exited, counted.promise);
  // Its end is told by its exit; that nobody reads its stdin any more says nothing new.
  child.stdin.on('error', () => {});
  try {
    keepStderr(child.stderr, start);
    await writeEngineFile(directory.path, { ...file, identity });
  } catch (error) {
    await stopMembers(members, { graceMs: 0 });
    throw error;
  }
  setImmediate(counted.resolve);
  return new EngineProcess(child.pid, members, ended(exited, lines, errorLines));
}

export class EngineProcess {
  readonly pid: number;
  /** How it ended; never rejects. */
  readonly ended: Promise<EngineEnd>;
  readonly #members: Members;
  #ladder: StopLadder | undefined;
  #stopped: Promise<StopResult> | undefined;

  constructor(pid: number, members: Members, end: Promise<EngineEnd>) {
    this.pid = pid;
    this.ended = end;
    this.#members = members;
  }

  /**
   * Stops it and whatever it started, politely first. Called again while it stops, it only shortens the grace; without
   * grace the kill is sent before this returns. After its end it still kills what the engine left behind.
   */
  stop(order: StopOrder): Promise<StopResult> {
    this.#ladder?.shorten(order.graceMs);
    if (this.#stopped) return this.#stopped;
    this.#ladder = new StopLadder(this.#members, order);
    this.#stopped = this.#ladder.run().finally(() => {
      this.#ladder = undefined;
      this.#stopped = undefined;
    });
    return this.#stopped;
  }

  /** The pids of the run's processes that are there now. */
  members(): number[] {
    return this.#members.look().map(entry => entry.pid);
  }
}

/** Stops what an agent that is gone left running, by the run's `engine.json`; at once where nothing is left. */
export async function stopLeftover(directory: RunDirectory, order: StopOrder): Promise<StopResult> {
  const file = await readEngineFile(directory.path);
  if (!file) return { gone: true, tookMs: 0 };
  return stopMembers(new Members(file.identity ?? undefined, file.token), order);
}

/** The identity of the run's engine, as its `engine.json` has it; undefined where none was started. */
export async function engineIdentity(directory: RunDirectory): Promise<ProcessIdentity | undefined> {
  return (await readEngineFile(directory.path))?.identity ?? undefined;
}

function stopMembers(members: Members, order: StopOrder): Promise<StopResult> {
  return new StopLadder(members, order).run();
}

/** A full disk must not stop the engine: then what it says is read on, and lost. */
function keepStderr(stderr: Readable, start: EngineStart): void {
  const file = new BoundedFile(start.directory.stderrPath, start.stderrBytesMax ?? 2 ** 20);
  file.on('error', () => stderr.resume());
  stderr.on('error', () => file.destroy()).pipe(file);
}

/** A copy of stderr, line by line, where somebody follows it; as for stdout, the last line is bounded in time. */
async function takeErrorLines(
  stderr: Readable,
  { onErrorLine }: EngineStart,
  exited: Promise<unknown>,
  counted: Promise<void>,
): Promise<unknown> {
  if (!onErrorLine) return undefined;
  return await takeLines(stderr.pipe(new PassThrough()), { onLine: onErrorLine, exited, counted });
}

function exitOf(child: ChildProcess): Promise<EngineEnd> {
  return new Promise(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function notStarted({ command }: EngineStart, child: ChildProcess): Promise<FailureError> {
  const [cause] = (await once(child, 'error').catch((error: unknown) => [error])) as [Error];
  const failure = {
    kind: 'permanent',
    code: 'engine-not-started',
    message: `cannot start ${command}: ${cause.message}`,
    hint: 'see that the command is installed and may be run by the user of the agent',
  } as const;
  return new FailureError(failure, { cause });
}

async function ended(
  exited: Promise<EngineEnd>,
  lines: Promise<unknown>,
  errorLines: Promise<unknown>,
): Promise<EngineEnd> {
  const linesError = (await lines) ?? (await errorLines);
  const end = await exited;
  return linesError === undefined ? end : { ...end, linesError };
}
