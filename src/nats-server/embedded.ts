/**
 * The embedded nats-server of a data directory.
 *
 * 1. One server a store: two on one store directory lose acknowledged messages. Starting and stopping hold a lock; every
 *    server carries its store's name in its environment, so one whose starter was killed is found all the same.
 * 2. It outlives whoever started it: a session of its own, no pipes. One that is there is used again.
 * 3. It listens on loopback only, on the port that it had before, where that is free.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { isAlive } from '../runner/process-identity.ts';
import { type ServerFile, ServerFiles } from './server-files.ts';
import { endServer, killMs, notStarted, runningServer, startServer, stopMs } from './server-process.ts';
import { withStartLock } from './start-lock.ts';

export interface EmbeddedStart {
  /** The agent's data directory; the server's files go into `nats` in it. */
  dataDir: string;
  /** Path of a nats-server. */
  binary: string;
  /** Told, a sentence each, what is done. */
  log?: (line: string) => void;
  /** How long the server may take until it answers; a minute unless given, for a large store takes its time to recover. */
  withinMs?: number;
}

export interface EmbeddedServer {
  readonly url: string;
  readonly pid: number;
  /** It ran already. */
  readonly reused: boolean;
  isAlive(): boolean;
  /**
   * Ends it (SIGTERM unless another signal is given) and resolves once it is gone; kills it after 10 s. May be called
   * twice. Rejects with the failure `nats-server-unkillable` where even that does not end it.
   */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * The server of a data directory: the one that is there, or a new one that answers. Rejects with the failure
 * `nats-server-not-started`, with the end of its log, or `nats-server-silent` where one holds the store but does not
 * answer.
 */
export async function startEmbedded(start: EmbeddedStart): Promise<EmbeddedServer> {
  const { dataDir, log = () => {}, withinMs = 60_000 } = start;
  const files = await ServerFiles.create(dataDir);
  return await withStartLock(files.directory, { withinMs: 2 * withinMs }, async () => {
    const there = await runningServer(files, withinMs);
    if (there) {
      log(`nats-server is there already (pid ${there.identity.pid})`);
      return handle(files, there, true);
    }
    await files.tidy();
    const former = (await files.readServer())?.port;
    const ports = former !== undefined && (await isPortFree(former)) ? [former, -1] : [-1];
    for (const port of ports) {
      const server = await startServer(files, start.binary, port, withinMs);
      if (!server) continue;
      log(`nats-server ${server.version} started (pid ${server.identity.pid})`);
      return handle(files, server, false);
    }
    throw await notStarted(files, 'ended before it answered');
  });
}

/** The URL of the server that runs for a data directory; undefined where none does. */
export async function urlOf(dataDir: string): Promise<string | undefined> {
  const server = await (await ServerFiles.open(dataDir))?.readServer();
  return server && isAlive(server.identity) ? urlOfPort(server.port) : undefined;
}

function urlOfPort(port: number): string {
  return `nats://127.0.0.1:${port}`;
}

function handle(files: ServerFiles, { identity, port }: ServerFile, reused: boolean): EmbeddedServer {
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> =>
    withStartLock(files.directory, { withinMs: stopMs + killMs }, () => endServer(identity, signal));
  return { url: urlOfPort(port), pid: identity.pid, reused, isAlive: () => isAlive(identity), stop };
}

async function isPortFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  const isFree = await once(probe, 'listening').then(
    () => true,
    () => false,
  );
  if (isFree) {
    probe.close();
    await once(probe, 'close');
  }
  return isFree;
}
