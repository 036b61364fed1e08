/**
 * `reeve up`: everything on this machine with one command. A nats-server (its own, unless one is named), an agent, a plan
 * for a directory and its first backup with a live bar; then it stays until Ctrl-C, which drains the agent and stops the
 * server last.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Agent, startAgent } from '../actors/agent.ts';
import type { Environment, UpOptions } from '../cli/environment.ts';
import { exitStatus } from '../cli/exit-status.ts';
import { nextSteps } from '../cli/next-steps.ts';
import { endingLines } from '../cli/run-follow.ts';
import { stateDirectory } from '../cli/state-directory.ts';
import { waitForEnd } from '../cli/wait.ts';
import { AnswerError } from '../core/answer-error.ts';
import { FailureError } from '../core/failure.ts';
import { isName, nameLengthMax } from '../core/ids.ts';
import { printable } from '../core/printable.ts';
import { agentConfigOf } from '../domain/agent-config.ts';
import type { Plan } from '../domain/plan.ts';
import { type Client, connectClient } from '../nats/client.ts';
import { type EmbeddedServer, startEmbedded } from '../nats-server/embedded.ts';
import { findNatsServer } from '../nats-server/find.ts';
import { createLog } from '../telemetry/log.ts';
import { onStopSignals } from './agent-process.ts';

export async function up(options: UpOptions, environment: Environment): Promise<number> {
  const say = (...lines: string[]) => environment.stderr.write(`${lines.join('\n')}\n`);
  const source = await sourceOf(options.path);
  await mkdir(options.data, { recursive: true, mode: 0o700 });
  const logPath = join(options.data, 'reeve.log');
  const file = createWriteStream(logPath, { flags: 'a', mode: 0o600 });
  const log = createLog({ destination: file });

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
    const config = agentConfigOf({
      name: agentName(),
      data: join(options.data, 'agent'),
      nats: {
        servers: url.split(',').map(each => each.trim()),
        prefix: options.prefix,
        ...(options.creds !== undefined && { creds: options.creds }),
        ...(options.ca !== undefined && { tls: { ca: options.ca } }),
      },
      // The user who runs this command is the one who would write an agent's file: all that is theirs is allowed.
      allow: { read: ['/'], repositories: ['/'], restore: ['/'], sources: ['*'] },
    });
    let waited = false;
    const waiting = (cause: Error) => {
      if (!waited) say(`waiting for NATS at ${printable(url)}: ${printable(cause.message)}`);
      waited = true;
    };
    agent = await startAgent({ config, version: environment.version, observe: log.observe, waiting }, stopping.signal);
    say(`agent ${config.name} runs; its log is ${logPath}`);
    const client = await connectClient({ url, prefix: options.prefix, creds: options.creds, ca: options.ca });
    try {
      await firstBackup({ client, source, options, environment, say, stopping: stopping.signal });
    } finally {
      await client.close();
    }
    if (!stopping.signal.aborted) say('', 'Reeve stays up; Ctrl-C drains and ends it.');
    return await agent.ended;
  } catch (error) {
    if (agent && !(error instanceof Error && stopping.signal.aborted)) {
      agent.shutdown('the first backup could not be started');
      await agent.ended;
    }
    if (stopping.signal.aborted) return exitStatus.done;
    if (error instanceof FailureError)
      throw new AnswerError('unavailable', error.message, error.failure.hint, { cause: error });
    throw error;
  } finally {
    await server?.stop();
    release();
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
  const server = await startEmbedded({ dataDir: options.data, binary: found.path, log: say });
  say(`nats-server ${found.version} ${server.reused ? 'still runs' : 'runs'} at ${server.url} (pid ${server.pid})`);
  return server;
}

interface FirstBackup {
  client: Client;
  source: { path: string; exclude: string[] };
  options: UpOptions;
  environment: Environment;
  say: (...lines: string[]) => void;
  stopping: AbortSignal;
}

async function firstBackup({ client, source, options, environment, say, stopping }: FirstBackup): Promise<void> {
  const repository = join(options.data, 'repository');
  const plan: Plan = {
    name: planName(source.path),
    engine: { type: 'files', path: source.path, ...(source.exclude.length > 0 && { exclude: source.exclude }) },
    repository: { path: repository },
    ...(process.getuid?.() !== 0 && { tolerate: { unreadable: 'any' as const } }),
  };
  const { warnings } = await client.request('plan.put', plan);
  for (const warning of Array.isArray(warnings) ? warnings : []) say(`warning: ${printable(String(warning))}`);
  say(`backing up ${printable(source.path)} into ${printable(repository)}`);
  const { id } = await client.request('backup.start', { plan: plan.name, note: 'reeve up' });
  const waited = await waitForEnd(client, { kind: 'backup', id: String(id) }, environment, {
    timeoutMs: undefined,
    label: plan.name,
  });
  if (waited.ended) say(...endingLines(waited.ended));
  if (stopping.aborted) return;
  const completed = waited.ended?.state === 'completed' || waited.ended?.state === 'partial';
  const { variables, home, platform } = environment;
  const findsIt = options.nats === undefined && options.data === stateDirectory(platform, home, variables);
  const steps = nextSteps({
    plan: plan.name,
    backup: completed ? String(id) : undefined,
    repository,
    nats: findsIt ? undefined : client.shownUrl,
    command: variables.npm_lifecycle_event === undefined ? 'reeve' : 'npx reeve',
  });
  environment.stdout.write(`${steps.join('\n')}\n`);
}

/** The directory to back up: the one that was named, or what everyone who runs this has: Reeve's own. */
async function sourceOf(path: string | undefined): Promise<{ path: string; exclude: string[] }> {
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

function ownDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}

/** A plan's name from a directory's: `/srv/My Photos` is `my-photos`. */
function planName(path: string): string {
  const name = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, nameLengthMax)
    .replace(/^-+|-+$/g, '');
  return isName(name) ? name : 'root';
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
