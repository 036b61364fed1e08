/** Starts `runner.sh`, which starts the engine: detached, with files for its output, so that both outlive this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FailureError } from '../core/failure.ts';
import { engineEnvironment } from './engine-environment.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { processEntry } from './process-table.ts';
import type { RunDirectory } from './run-directory.ts';
import { readEngineFile, type StartFile } from './run-files.ts';

export interface RunnerStart {
  command: string;
  args: readonly string[];
  /** Variables beyond the allowlist, for this engine. */
  env?: Readonly<Record<string, string>>;
  /** Working directory; unless given the run's, or the root directory for another user, whom the run's is closed to. */
  cwd?: string;
  /** Who it runs as, on Linux where the agent is root; runner and watcher stay the agent's. The agent's own unless given. */
  user?: string;
  /** The run's directory, which exists. */
  directory: RunDirectory;
}

export interface StartedRunner {
  child: ChildProcess;
  /** What `stderr.log` held before. */
  stderrFrom: number;
}

const script = fileURLToPath(new URL('./runner.sh', import.meta.url));
/** What a start may take, on a busy host. */
const startMsMax = 30_000;
/** How `runner.sh` ends where it starts nothing. */
const exitOf = {
  commandMissing: 127,
  givenUp: 75,
  notRecorded: 74,
  logsNotGiven: 73,
  setprivMissing: 69,
  userUnknown: 67,
};

/** Throws the failure `engine-not-started` where this agent may start nobody's processes but its own. */
export function checkUser({ command, user }: Pick<RunnerStart, 'command' | 'user'>): void {
  if (user === undefined || (process.platform === 'linux' && process.getuid?.() === 0)) return;
  const why = process.platform === 'linux' ? 'the agent is not root' : 'only Linux has that';
  throw notStarted(`${command} as the user ${user}`, why, { hint: 'run the agent as root, or leave out `user`' });
}

/** Rejects with the failure `engine-not-started` where there is no process. `within` becomes the runner. */
export async function spawnRunner(
  start: RunnerStart,
  { token, start: name }: StartFile,
  within: readonly string[] = [],
): Promise<StartedRunner> {
  const { command, args, directory, user = '' } = start;
  const [stdout, stderr] = [openSync(directory.stdoutPath, 'a', 0o600), openSync(directory.stderrPath, 'a', 0o600)];
  try {
    const stderrFrom = fstatSync(stderr).size;
    const words = [...within, '/bin/sh', script, directory.path, token, name, user, command, ...args];
    const child = spawn(words[0] ?? '', words.slice(1), {
      cwd: start.cwd ?? (user === '' ? directory.path : '/'),
      env: engineEnvironment(start.env),
      detached: true,
      stdio: ['ignore', stdout, stderr],
    });
    if (child.pid !== undefined) return { child, stderrFrom };
    const [cause] = (await once(child, 'error').catch((error: unknown) => [error])) as [Error];
    throw notStarted(command, cause.message, { cause });
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

/**
 * Resolves with the engine once it is named and has a session of its own, or has ended already. Rejects with the failure
 * `engine-not-started` where there will be none, and `engine-missing` where what gives it its user is not there.
 */
export async function startedEngine(
  start: RunnerStart,
  file: StartFile,
  child: ChildProcess,
): Promise<ProcessIdentity> {
  const { path } = start.directory;
  const end = performance.now() + startMsMax;
  for (;;) {
    const hasExited = child.exitCode !== null || child.signalCode !== null;
    const engine = readEngineFile(path, file)?.identity;
    if (engine && (hasExited || !isAlive(engine) || hasSession(engine))) return engine;
    if (hasExited) throw notStartedBy(start, child);
    if (performance.now() > end) throw notStarted(start.command, `its runner did nothing for ${startMsMax} ms`);
    await delay(2);
  }
}

/** Where the platform gave it none there is nothing to wait for. */
function hasSession({ pid }: ProcessIdentity): boolean {
  return process.platform !== 'linux' || processEntry(pid)?.group === pid;
}

function notStartedBy({ command, user }: RunnerStart, child: ChildProcess): FailureError {
  const as = `${command} as the user ${user}`;
  if (child.exitCode === exitOf.setprivMissing)
    return notStarted(as, 'there is no setpriv on the PATH', { code: 'engine-missing', hint: 'install util-linux' });
  if (child.exitCode === exitOf.userUnknown)
    return notStarted(as, 'there is no such user on this host', { hint: 'name one that is there' });
  return notStarted(command, whyNot(child));
}

function whyNot({ exitCode, signalCode }: ChildProcess): string {
  if (exitCode === exitOf.commandMissing) return 'there is no such command, or it may not be run';
  if (exitCode === exitOf.notRecorded) return 'its process could not be recorded in the directory of the run';
  if (exitCode === exitOf.logsNotGiven) return 'its logs could not be given to its user';
  if (exitCode === exitOf.givenUp) return 'the start was given up';
  return `its runner ended with ${signalCode ?? exitCode}`;
}

function notStarted(
  what: string,
  why: string,
  { code = 'engine-not-started', hint, cause }: { code?: string; hint?: string; cause?: Error } = {},
): FailureError {
  const failure = {
    kind: 'permanent',
    code,
    message: `cannot start ${what}: ${why}`,
    hint: hint ?? 'see that the command is installed and may be run by the user of the agent',
  } as const;
  return new FailureError(failure, cause && { cause });
}
