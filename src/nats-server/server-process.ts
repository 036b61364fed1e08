/** The process of an embedded server: how it is found, started, waited for and ended. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureError } from '../core/failure.ts';
import {
  identityOf,
  identityOfChild,
  isAlive,
  type ProcessIdentity,
  signalProcess,
} from '../runner/process-identity.ts';
import { hasInEnvironment, processEntries } from '../runner/process-table.ts';
import { greetingOf } from './greeting.ts';
import type { ServerFile, ServerFiles } from './server-files.ts';
import { versionOf } from './version.ts';

/** Every server carries its store's name in its environment. */
const storeVariable = 'REEVE_NATS_STORE';
/** How long a server that is asked to end may take, and one that is killed. */
export const stopMs = 10_000;
export const killMs = 5_000;

/** The server that has this store, by its file, or else by its environment. Rejects where it does not answer. */
export async function runningServer(files: ServerFiles, withinMs: number): Promise<ServerFile | undefined> {
  const known = await files.readServer();
  if (known && isAlive(known.identity)) {
    if (await answers(known.port, withinMs)) return known;
    throw silent(files, known.identity.pid);
  }
  const stray = processEntries().find(entry => hasInEnvironment(entry.pid, `${storeVariable}=${files.directory}`));
  const identity = stray && identityOf(stray.pid);
  if (!identity) return undefined;
  const server = await untilListening(files, identity, withinMs);
  if (!server && isAlive(identity)) throw silent(files, identity.pid);
  if (server) await files.writeServer(server);
  return server;
}

/**
 * Starts a server on a port (-1: one that it picks); undefined where it ended before it answered. Where this rejects,
 * there is no server.
 */
export async function startServer(
  files: ServerFiles,
  binary: string,
  port: number,
  withinMs: number,
): Promise<ServerFile | undefined> {
  const version = await versionOf(binary);
  if (version === undefined) throw await notStarted(files, `cannot be started: ${binary} does not run`);
  await files.writeConfiguration(version, port);
  const identity = await spawnServer(files, binary);
  if (!identity) throw await notStarted(files, `cannot be started: ${binary} does not run`);
  try {
    const server = await untilListening(files, identity, withinMs);
    if (server) await files.writeServer(server);
    else if (isAlive(identity)) throw await notStarted(files, `did not answer within ${withinMs} ms`);
    return server;
  } catch (error) {
    await endServer(identity, 'SIGKILL');
    throw error;
  }
}

/** Undefined where the binary cannot be run. */
async function spawnServer(files: ServerFiles, binary: string): Promise<ProcessIdentity | undefined> {
  const output = await open(files.output, 'w', 0o600);
  try {
    const child = spawn(binary, ['-c', files.configuration], {
      cwd: files.directory,
      env: environment(files),
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    child.on('error', () => {}); // told by the pid that it has not
    child.unref();
    return child.pid === undefined ? undefined : identityOfChild(child.pid);
  } finally {
    await output.close();
  }
}

/** Waits until a server tells its port and answers there; undefined once it is gone, or time is up. */
async function untilListening(
  files: ServerFiles,
  identity: ProcessIdentity,
  withinMs: number,
): Promise<ServerFile | undefined> {
  const limit = performance.now() + withinMs;
  while (isAlive(identity) && performance.now() < limit) {
    const port = await files.readPort(identity.pid);
    const greeting = port === undefined ? undefined : await greetingOf(port, limit - performance.now());
    if (port !== undefined && greeting?.jetstream) return { identity, port, version: greeting.version ?? '' };
    await delay(10);
  }
  return undefined;
}

async function answers(port: number, withinMs: number): Promise<boolean> {
  return (await greetingOf(port, Math.min(withinMs, 5_000)))?.jetstream === true;
}

/** Ends a process and waits until it is gone. */
export async function endServer(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  for (const [each, withinMs] of [
    [signal, stopMs],
    ['SIGKILL', killMs],
  ] as const) {
    if (!signalProcess(identity, each)) return;
    signalProcess(identity, 'SIGCONT');
    const limit = performance.now() + withinMs;
    while (isAlive(identity) && performance.now() < limit) await delay(10);
    if (!isAlive(identity)) return;
  }
  throw new FailureError({
    kind: 'permanent',
    code: 'nats-server-unkillable',
    message: `nats-server (pid ${identity.pid}) does not end, although it was killed`,
    hint: 'its disk may hang: see its state with ps',
  });
}

function environment(files: ServerFiles): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'].flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), [storeVariable]: files.directory };
}

export async function notStarted(files: ServerFiles, what: string): Promise<FailureError> {
  const tail = await files.tail();
  return new FailureError({
    kind: 'permanent',
    code: 'nats-server-not-started',
    message: `nats-server ${what}${tail ? `; it said last:\n${tail}` : ''}`,
    hint: `see its log: ${files.log}`,
  });
}

function silent(files: ServerFiles, pid: number): FailureError {
  return new FailureError({
    kind: 'transient',
    code: 'nats-server-silent',
    message: `nats-server (pid ${pid}) has the store in ${files.directory}, but does not answer`,
    hint: `a second one on the same store would lose messages: end it with kill ${pid}, then start again`,
  });
}
