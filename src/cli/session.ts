/** One run of one command: its options, its outputs and its connection. Whatever a command shows goes through here. */
import { AnswerError } from '../core/answer-error.ts';
import { FailureError } from '../core/failure.ts';
import { printable } from '../core/printable.ts';
import { type Answer, type Client, connectClient } from '../nats/client.ts';
import { type Colours, coloursFor } from './colours.ts';
import type { Environment } from './environment.ts';
import { statusOfError } from './exit-status.ts';
import { stateDirectory } from './state-directory.ts';

/** Options that every command takes. */
export interface SharedOptions {
  nats?: string;
  creds?: string;
  tlsca?: string;
  prefix?: string;
  output?: 'json' | 'text';
}

export class Session {
  readonly environment: Environment;
  readonly options: SharedOptions;
  /** Colours for standard output. */
  readonly colours: Colours;
  #client: Promise<Client> | undefined;

  constructor(environment: Environment, options: SharedOptions) {
    this.environment = environment;
    this.options = options;
    this.colours = coloursFor(environment.stdout, environment.variables);
  }

  /** True for `-o json`. */
  get json(): boolean {
    return this.options.output === 'json';
  }

  get prefix(): string {
    return this.options.prefix ?? (this.environment.variables.REEVE_PREFIX || 'reeve');
  }

  get creds(): string | undefined {
    return this.options.creds ?? (this.environment.variables.REEVE_NATS_CREDS || undefined);
  }

  get ca(): string | undefined {
    return this.options.tlsca ?? (this.environment.variables.REEVE_NATS_CA || undefined);
  }

  /** The server that was named; undefined where none was. */
  get nats(): string | undefined {
    return this.options.nats ?? (this.environment.variables.REEVE_NATS_URL || undefined);
  }

  /** Where data lives unless a command is told otherwise. */
  get stateDirectory(): string {
    const { platform, home, variables } = this.environment;
    return stateDirectory(platform, home, variables);
  }

  /** The connection of this run, made when it is first asked for. Rejects as `connectClient` does. */
  client(): Promise<Client> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** One request; see `Client.request`. */
  async request(command: string, input: object = {}, options: { timeoutMs?: number } = {}): Promise<Answer> {
    return (await this.client()).request(command, input, options);
  }

  /** Writes lines to standard output. They are shown as they are: text from outside must be escaped before. */
  print(...lines: string[]): void {
    for (const line of lines) this.environment.stdout.write(`${line}\n`);
  }

  /** Writes lines to standard error: what accompanies the result. Text from outside must be escaped before. */
  say(...lines: string[]): void {
    for (const line of lines) this.environment.stderr.write(`${line}\n`);
  }

  /** With `-o json` prints the value and nothing else; else calls `show`. */
  result(value: unknown, show: () => void): void {
    if (this.json) this.print(JSON.stringify(value));
    else show();
  }

  /** Tells an error, and answers the exit status that it stands for. With `-o json` standard output has it as the wire does. */
  fail(error: unknown): number {
    const { code, message, hint } = told(error);
    const colours = coloursFor(this.environment.stderr, this.environment.variables);
    this.say(`${colours.bad('reeve:')} ${printable(message)}`);
    if (hint) this.say(`  ${printable(hint)}`);
    if (this.json) this.print(JSON.stringify({ ok: false, error: { code, message, hint } }));
    return statusOfError(error);
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  async #connect(): Promise<Client> {
    const url = this.nats ?? (await this.environment.embeddedUrl(this.stateDirectory)) ?? 'nats://127.0.0.1:4222';
    return connectClient({ url, creds: this.creds, ca: this.ca, prefix: this.prefix });
  }
}

function told(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof AnswerError) return { code: error.code, message: error.message, hint: error.hint };
  if (error instanceof FailureError) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message, hint: 'this is a defect of Reeve: report it with what you did' };
}
