/**
 * A real nats-server for a test: JetStream on a free loopback port, its store in a temporary directory. It can be killed
 * and started again on the same store and port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findNatsServer as find } from '../../src/nats-server/find.ts';
import { freePort } from './free-port.ts';

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** The process, for a test that stops or watches it; undefined while it is down. */
  readonly pid: number | undefined;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same store and port; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it and removes its store. May be called twice. */
  stop(): Promise<void>;
}

export interface TestServerOptions {
  /** Path of the binary; otherwise the one that `findNatsServer` finds. */
  binary?: string;
  /** Where it stores; otherwise a new temporary directory. Removed by `stop` in either case. */
  storeDir?: string;
  /** False for a server without JetStream. */
  jetStream?: boolean;
  /** More of the command line. */
  args?: readonly string[];
}

export async function startNatsServer(options: TestServerOptions = {}): Promise<TestServer> {
  const binary = options.binary ?? (await findNatsServer());
  const storeDir = options.storeDir ?? (await mkdtemp(join(tmpdir(), 'reeve-nats-')));
  const args = [...(options.jetStream === false ? [] : ['-js', '-sd', storeDir]), ...(options.args ?? [])];
  const server = new Server(binary, storeDir, await freePort(), args);
  await server.restart();
  return server;
}

/** Every binary that the tests should pass on: `REEVE_NATS_SERVERS` (separated like PATH), or the one that is found. */
export async function natsServerBinaries(): Promise<string[]> {
  const named = process.env.REEVE_NATS_SERVERS?.split(delimiter).filter(Boolean);
  return named?.length ? named : [await findNatsServer()];
}

let found: Promise<string> | undefined;

/** A nats-server: the one that `REEVE_NATS_SERVER` names, or what the product's own finder brings. */
export function findNatsServer(): Promise<string> {
  if (process.env.REEVE_NATS_SERVER) return Promise.resolve(process.env.REEVE_NATS_SERVER);
  found ??= find().then(({ path }) => path);
  return found;
}

class Server implements TestServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly #binary: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(binary: string, storeDir: string, port: number, args: readonly string[]) {
    this.#binary = binary;
    this.storeDir = storeDir;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.#args = args;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async restart(): Promise<void> {
    await this.kill();
    const args = ['-a', '127.0.0.1', '-p', String(this.port), ...this.#args];
    const child = spawn(this.#binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let log = '';
    child.stderr.on('data', chunk => {
      log = (log + chunk).slice(-4_000);
    });
    const end = Date.now() + 20_000;
    while (!(await answers(this.port, child, () => log))) {
      if (Date.now() > end) throw new Error(`nats-server does not answer within 20 s: ${log}`);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.storeDir, { recursive: true, force: true });
  }
}

/** One try to connect; resolves after the greeting, or 20 ms after a refusal, with whether it is ready. */
async function answers(port: number, child: ChildProcess, log: () => string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}: ${log()}`);
  const socket = connect(port, '127.0.0.1');
  const ready = await Promise.race([once(socket, 'data'), once(socket, 'error')]).then(
    ([first]) => first instanceof Buffer && log().includes('Server is ready'),
    () => false,
  );
  socket.destroy();
  if (!ready) await new Promise(resolve => setTimeout(resolve, 20));
  return ready;
}
