/** A real `reeve agent` for a test: a process of its own on a real nats-server, with a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface AgentStart {
  /** Where NATS is, or should be. */
  url: string;
  name: string;
  /** Its data directory. */
  data: string;
  /** A file for `--config`; flags win over it. */
  config?: string | undefined;
  /** Where it serves metrics and health; a free port unless given. */
  http?: string | undefined;
  /** More of its environment. */
  env?: Readonly<Record<string, string>> | undefined;
  /** A command that starts it in its own place, such as setpriv with its options. */
  under?: readonly string[] | undefined;
}

/** A line of its log. */
export type LogLine = { msg: string; fact?: string } & Record<string, unknown>;

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

export interface TestAgent {
  readonly name: string;
  readonly pid: number;
  /** Its log so far. */
  readonly log: readonly LogLine[];
  /** The log as it was written. */
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<Ended>;
  /** Resolves with the first line of its log of a fact that `wanted` accepts. */
  told(fact: string, wanted?: (line: LogLine) => boolean): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; resolves with how it ended, and after how long. */
  terminate(): Promise<Ended & { tookMs: number }>;
  /** SIGKILL; resolves when it is gone. May be called twice, and after its end. */
  kill(): Promise<void>;
}

/** Starts one; resolves at once, before it runs. */
export function startAgent(start: AgentStart): TestAgent {
  const { url, name, data, config, http = '127.0.0.1:0', env = {}, under = [] } = start;
  const words = [main, 'agent', '--nats', url, '--name', name, '--data', data, '--http', http];
  const [command = '', ...args] = [...under, process.execPath, ...words, ...(config ? ['--config', config] : [])];
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, HOME: data, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Agent(name, child);
}

/** Starts one and resolves when it takes work. */
export async function runAgent(start: AgentStart): Promise<TestAgent> {
  const agent = startAgent(start);
  const running = agent.told('actor.transition', line => line.kind === 'agent' && line.state === 'running');
  const early = agent.ended.then(({ status, stderr }) => {
    throw new Error(`the agent ended with ${status} before it ran: ${stderr}${agent.stdout}`);
  });
  early.catch(() => undefined);
  await Promise.race([running, early]);
  return agent;
}

class Agent implements TestAgent {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly log: LogLine[] = [];
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  #rest = '';
  #over = false;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stdout?.setEncoding('utf8').on('data', text => this.#hear(text));
    child.stderr?.setEncoding('utf8').on('data', text => {
      this.stderr += text;
    });
    this.ended = new Promise(resolve => {
      child.once('exit', () => {
        this.#over = true;
      });
      child.once('close', (status, signal) => resolve({ status, signal, stderr: this.stderr }));
    });
  }

  async told(fact: string, wanted: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const find = () => this.log.find(line => line.fact === fact && wanted(line));
    return await eventually(`a log line of ${fact}`, find, 30_000);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async terminate(): Promise<Ended & { tookMs: number }> {
    const began = performance.now();
    this.signal('SIGTERM');
    const ended = await this.ended;
    return { ...ended, tookMs: Math.round(performance.now() - began) };
  }

  async kill(): Promise<void> {
    if (!this.#over) this.signal('SIGKILL');
    await this.ended;
  }

  #hear(text: string): void {
    this.stdout += text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) this.log.push(JSON.parse(line) as LogLine);
  }
}
