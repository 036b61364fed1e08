/** Runs command lines in-process, with an environment of the test's own: what was printed, and the exit status. */
import type { AgentOptions, Environment, Output, UpOptions } from '../../src/cli/environment.ts';
import { buildProgram, runCommandLine } from '../../src/cli/program.ts';
import { SystemClock } from '../../src/runtime/system-clock.ts';

export interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  variables?: Record<string, string>;
  directory?: string;
  /** A terminal of that width; without it standard output and error are no terminal. */
  columns?: number;
  up?: (options: UpOptions) => Promise<number>;
  agent?: (options: AgentOptions) => Promise<number>;
  embeddedUrl?: (dataDirectory: string) => Promise<string | undefined>;
}

export interface Running {
  /** Resolves when the command has ended. */
  ended: Promise<Ran>;
  /** What was printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Ctrl-C. */
  interrupt(): void;
  /** True once the command listens for Ctrl-C: it waits then. */
  readonly waits: boolean;
}

/** Runs a command line to its end. */
export function reeve(words: string[], options: RunOptions = {}): Promise<Ran> {
  return startReeve(words, options).ended;
}

/** Starts a command line. */
export function startReeve(words: string[], options: RunOptions = {}): Running {
  const clock = new SystemClock();
  const stdout = written(options.columns);
  const stderr = written(options.columns);
  const interrupts = new Set<() => void>();
  const environment: Environment = {
    stdout,
    stderr,
    variables: options.variables ?? {},
    directory: options.directory ?? '/',
    home: '/home/somebody',
    platform: 'linux',
    version: '1.2.3',
    clock,
    onInterrupt(interrupted) {
      interrupts.add(interrupted);
      return () => void interrupts.delete(interrupted);
    },
    embeddedUrl: options.embeddedUrl ?? (async () => undefined),
    up: options.up ?? (async () => 0),
    agent: options.agent ?? (async () => 0),
  };
  const ended = runCommandLine(words, environment)
    .then(status => ({ status, stdout: stdout.text, stderr: stderr.text }))
    .finally(() => clock.close());
  return {
    ended,
    get stdout() {
      return stdout.text;
    },
    get stderr() {
      return stderr.text;
    },
    interrupt() {
      for (const interrupted of interrupts) interrupted();
    },
    get waits() {
      return interrupts.size > 0;
    },
  };
}

function written(columns: number | undefined): Output & { text: string } {
  return {
    text: '',
    isTTY: columns !== undefined,
    columns,
    write(text) {
      this.text += text;
    },
  };
}

/** Names of the top level's commands, as the program has them. */
export function commandNames(): string[] {
  const nothing = { write: () => undefined, isTTY: false, columns: undefined };
  const missing = () => Promise.reject(new Error('not in this test'));
  const environment: Environment = {
    stdout: nothing,
    stderr: nothing,
    variables: {},
    directory: '/',
    home: '/',
    platform: 'linux',
    version: '0',
    clock: new SystemClock(),
    onInterrupt: () => () => undefined,
    embeddedUrl: missing,
    up: missing,
    agent: missing,
  };
  return buildProgram(environment, () => undefined).commands.map(command => command.name());
}
