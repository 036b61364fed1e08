/**
 * What the command line asks of the world around it. The composition root fills it from the process; a test fills it
 * with its own, and runs commands in-process.
 */
import type { Clock } from '../core/clock.ts';
import type { AgentConfig } from '../domain/agent-config.ts';

/** Somewhere to write text. */
export interface Output {
  write(text: string): void;
  /** True for a terminal, which can be drawn on again. */
  readonly isTTY: boolean;
  /** Width of the terminal; undefined where it is none. */
  readonly columns: number | undefined;
}

export interface Environment {
  stdout: Output;
  stderr: Output;
  /** Environment variables. */
  variables: Readonly<Record<string, string | undefined>>;
  /** Working directory, absolute. */
  directory: string;
  /** The user's home directory. */
  home: string;
  platform: NodeJS.Platform;
  version: string;
  clock: Clock;
  /** Calls `interrupted` on Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(interrupted: () => void): () => void;
  /** URL of the embedded server of a data directory; undefined when none runs there. */
  embeddedUrl(dataDirectory: string): Promise<string | undefined>;
  /** `reeve up`: brings up NATS, an agent and a first backup. Answers the exit status. */
  up(options: UpOptions, environment: Environment): Promise<number>;
  /** `reeve agent`: runs an agent until it is told to stop. Answers the exit status. */
  agent(options: AgentOptions, environment: Environment): Promise<number>;
}

export interface UpOptions {
  /** What to back up, absolute; undefined: something that everyone has. */
  path: string | undefined;
  /** Data directory, absolute. */
  data: string;
  /** A server to use instead of an embedded one. */
  nats: string | undefined;
  creds: string | undefined;
  ca: string | undefined;
  prefix: string;
  /** `HOST:PORT` of the page. */
  http: string;
}

export interface AgentOptions {
  config: AgentConfig;
  /** What the operator should know of the configuration, a line each. */
  warnings: string[];
}
