/**
 * `reeve up`: everything on this machine with one command. A nats-server (its own, unless one is named), an agent, a plan
 * for a directory and its first backup with a live bar; then it stays until Ctrl-C, which drains the agent and stops the
 * server last. One process at a time has a data directory: a second one would end the server under the first.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { access, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Agent, startAgent } from '../actors/agent.ts';
import type { Environment, UpOptions } from '../cli/environment.ts';
import { exitStatus } from '../cli/exit-status.ts';
import { AnswerError } from '../core/answer-error.ts';
import { FailureError } from '../core/failure.ts';
import { isName, nameLengthMax } from '../core/ids.ts';
import { printable } from '../core/printable.ts';
import { agentConfigOf } from '../domain/agent-config.ts';
import { connectClient } from '../nats/client.ts';
import { serversIn, shownServers } from '../nats/connection-settings.ts';
import type { EmbeddedServer } from '../nats-server/embedded.ts';
import { findNatsServer } from '../nats-server/find.ts';
import { keepEmbedded } from '../nats-server/kept-server.ts';
import { withStartLock } from '../nats-server/start-lock.ts';
import { serveAgent } from '../telemetry/agent-http.ts';
import { createLog } from '../telemetry/log.ts';
import { onStopSignals } from './agent-process.ts';
import { firstBackup } from './first-backup.ts';

type Source = { path: string; exclude: string[] };

export async function up(options: UpOptions, environment: Environment): Promise<number> {
  const source = await sourceOf(options.path);
  await makeData(options.data);
  let isOurs = false;
  try {
    return await withStartLock(options.data, { withinMs: 300 }, () => {
      isOurs = true;
      return bringUp(source, options, environment);
    });
  } catch (error) {
    if (isOurs || !(error instanceof FailureError && error.failure.code === 'nats-server-busy')) throw error;
    throw new AnswerError(
      'conflict',
      `another reeve up has the data directory ${options.data}`,
      'use that one, end it with Ctrl-C, or name another directory with --data',
      { cause: error },
    );
  }
}

async function bringUp(source: Source, options: UpOptions, environment: Environment): Promise<number> {
  const say = (...lines: string[]) => environment.stderr.write(`${lines.join('\n')}\n`);
  const logPath = join(options.data, 'reeve.log');
  const file = createWriteStream(logPath, { flags: 'a', mode: 0o600 });
  const log = createLog({ destination: file });
  const { observe, close: closeHttp } = serveAgent(options.http, log.observe);

  const stopping = new AbortController();
  let agent: Agent | undefined;
  let server: EmbeddedServer | undefined;
  const release = onStopSignals({
    first: signal => {
      say('', 'draining: what runs is suspended, and goes on at the next start (again to end at once)');
      stopping.abort(new Error(`${signal} came`));
      agent?.shutdown(signal);
    },
    second: () => {
      agent?.killEngines();
      if (server) process.kill(server.pid, 'SIGKILL');
      process.exit(exitStatus.failed);
    },
  });
  try {
    server = options.nats === undefined ? await ownServer(options, say, stopping.signal) : undefined;
    const url = server?.url ?? (options.nats as string);
    const servers = serversIn(url);
    const config = agentConfigOf({
      name: agentName(),
      http: { listen: options.http },
      data: options.data, // all that lies in it is never backed up
      nats: {
        servers,
        prefix: options.prefix,
        ...(options.creds !== undefined && { creds: options.creds }),
        ...(options.ca !== undefined && { tls: { ca: options.ca } }),
      },
      // The user who runs this command is the one who would write an agent's file: all that is theirs is allowed.
      allow: { read: ['/'], repositories: ['/'], restore: ['/'], sources: ['*'] },
    });
    let waited = false;
    const waiting = (cause: Error) => {
      if (!waited) say(`waiting for NATS at ${printable(shownServers(servers))}: ${printable(cause.message)}`);
      waited = true;
    };
    agent = await startAgent({ config, version: environment.version, observe, waiting }, stopping.signal);
    void agent.ended.then(() => stopping.abort(new Error('the agent ended')));
    say(`agent ${config.name} runs; its log is ${logPath}`);
    const client = await connectClient({ url, prefix: options.prefix, creds: options.creds, ca: options.ca });
    try {
      await firstBackup({
        client,
        agent: config.name,
        source,
        options,
        environment,
        say,
        stopping: stopping.signal,
      });
    } finally {
      await client.close();
    }
    if (!stopping.signal.aborted) say('', 'Reeve stays up; Ctrl-C drains and ends it.');
    return await agent.ended;
  } catch (error) {
    if (stopping.signal.aborted) return agent ? await agent.ended : exitStatus.done;
    agent?.shutdown('the first backup could not be started');
    await agent?.ended;
    if (error instanceof FailureError)
      throw new AnswerError('unavailable', error.message, error.failure.hint, { cause: error });
    throw error;
  } finally {
    await server?.stop();
    release();
    closeHttp();
    log.close();
    file.end();
  }
}

async function ownServer(
  options: UpOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<EmbeddedServer> {
  const found = await findNatsServer({ log: line => say(line), signal });
  const server = await keepEmbedded({ dataDir: options.data, binary: found.path, log: say });
  say(`nats-server ${found.version} ${server.reused ? 'still runs' : 'runs'} at ${server.url} (pid ${server.pid})`);
  return server;
}

/** The directory to back up: the one that was named, or what everyone who runs this has: Reeve's own. */
async function sourceOf(path: string | undefined): Promise<Source> {
  if (path === undefined) return { path: ownDirectory(), exclude: ['node_modules', '.git', 'dist'] };
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory())
    throw new AnswerError(
      'invalid',
      `${path} is ${found ? 'not a directory' : 'not there'}`,
      'name a directory to back up',
    );
  return { path: await realpath(path), exclude: [] };
}

async function makeData(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const message = `the data directory ${path} cannot be written to (${why})`;
    throw new AnswerError('refused', message, 'name another with --data', { cause });
  }
}

function ownDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}

function agentName(): string {
  const name = hostname()
    .split('.', 1)[0]
    ?.toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, nameLengthMax)
    .replace(/^-+|-+$/g, '');
  return name !== undefined && isName(name) ? name : 'local';
}
