/**
 * The client's side of the wire: requests to the command service and the two live feeds. The command line and tests use
 * it; it knows subjects and answers, not what they mean.
 */
import { type ConnectionOptions, connect, errors, type NatsConnection } from 'nats';
import { type AnswerCode, AnswerError, answerCodes } from '../core/answer-error.ts';
import { connectionSettings, serversIn, shownServers } from './connection-settings.ts';
import { Names } from './names.ts';

export interface ClientOptions {
  /** One URL, or several separated by commas. */
  url: string;
  /** Path of a credentials file. */
  creds?: string | undefined;
  /** Path of a PEM file with the certificate authority of the servers. */
  ca?: string | undefined;
  /** Replaces `reeve` in subjects. */
  prefix?: string | undefined;
  /** How long one request may take; 10 s by default. */
  timeoutMs?: number | undefined;
}

/** What a successful answer holds, `ok: true` included. */
export type Answer = { ok: true } & Record<string, unknown>;

export interface Client {
  /** The servers' URLs as they may be shown: without user and password. */
  readonly shownUrl: string;
  /**
   * Asks the command service and answers its `ok: true`. Rejects with an AnswerError: the service's own for `ok: false`,
   * and `unavailable` when NATS is away, when nobody serves, or when no answer comes in time: the client's, or the
   * request's own where it is known to take long. What only reads is asked again after a third of that time: the
   * server can have handed the request to an agent that had just died.
   */
  request(command: string, input?: object, options?: { timeoutMs?: number }): Promise<Answer>;
  /** Calls `see` for each transition of an actor (or of all). A hint: some may be lost. Returns a function that ends it. */
  onEvent(see: (record: unknown) => void, actor?: ActorName): () => void;
  /** Calls `see` for each report of progress. Returns a function that ends it. */
  onProgress(see: (actor: ActorName, progress: unknown) => void, actor?: ActorName): () => void;
  /** Calls `see` with false when the connection is lost, and with true when it is back. It ends with the connection. */
  onLink(see: (up: boolean) => void): void;
  /** Ends the connection; what was subscribed ends with it. */
  close(): Promise<void>;
}

export interface ActorName {
  kind: string;
  id: string;
}

const connectTimeoutMs = 2_000;

/** The commands that change nothing, however often they are asked. */
const onlyReads = /\.(list|get|history|explain)$/;

/** Connects. Rejects with an AnswerError: `unavailable` when NATS is away, `invalid` for what can never be one. */
export async function connectClient(options: ClientOptions): Promise<Client> {
  const { prefix } = new Names(options.prefix);
  const servers = serversIn(options.url);
  const { creds, ca: tlsca } = options;
  const settings = await connectionSettings({ servers, name: 'reeve client', creds, tlsca });
  const connection = await open(
    {
      ...settings,
      timeout: connectTimeoutMs,
      reconnectTimeWait: 500,
      maxReconnectAttempts: -1,
    },
    shownServers(servers),
  );
  return clientOf(connection, prefix, shownServers(servers), options.timeoutMs);
}

function clientOf(connection: NatsConnection, prefix: string, shownUrl: string, usualMs = 10_000): Client {
  return {
    shownUrl,
    async request(command, input = {}, { timeoutMs = usualMs } = {}) {
      const ask = (timeout: number) =>
        connection.request(`${prefix}.cmd.${command}`, JSON.stringify(input), { timeout });
      const again = onlyReads.test(command) ? timeoutMs / 3 : timeoutMs;
      const message = await ask(again)
        .catch((error: unknown) => {
          if (again < timeoutMs && error instanceof errors.TimeoutError) return ask(timeoutMs - again);
          throw error;
        })
        .catch((error: unknown) => {
          throw unanswered(error, { command, prefix, shownUrl, timeoutMs });
        });
      return answerOf(command, message.data);
    },
    onEvent(see, actor) {
      return feed(connection, `${prefix}.event.${actor ? `${actor.kind}.${actor.id}` : '>'}`, (_, record) =>
        see(record),
      );
    },
    onProgress(see, actor) {
      const subject = `${prefix}.progress.${actor ? `${actor.kind}.${actor.id}` : '>'}`;
      return feed(connection, subject, (tokens, progress) => {
        const [kind = '', id = ''] = tokens.slice(-2);
        see({ kind, id }, progress);
      });
    },
    onLink(see) {
      void followLink(connection, see);
    },
    async close() {
      await connection.close();
    },
  };
}

async function followLink(connection: NatsConnection, see: (up: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') see(false);
    else if (type === 'reconnect') see(true);
  }
}

/** Follows a subject whose messages are JSON; a message that is not is none of ours. */
function feed(
  connection: NatsConnection,
  subject: string,
  see: (tokens: string[], value: unknown) => void,
): () => void {
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) return;
      const value = parsed(message.data);
      if (value !== undefined) see(message.subject.split('.'), value);
    },
  });
  return () => subscription.unsubscribe();
}

async function open(options: ConnectionOptions, shownUrl: string): Promise<NatsConnection> {
  try {
    return await connect(options);
  } catch (cause) {
    const [message, hint] = refusalIn(cause, shownUrl);
    throw new AnswerError('unavailable', message, hint, { cause });
  }
}

/** What was met, and what to do about it. */
function refusalIn(cause: unknown, shownUrl: string): [string, string] {
  if (cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError)
    return [
      `NATS at ${shownUrl} refused the credentials`,
      'name a credentials file that it accepts with --creds or REEVE_NATS_CREDS, or write nats://USER:PASSWORD@HOST',
    ];
  const reason = reasonOf(cause);
  if (reason.includes("does not support 'tls'"))
    return [`NATS at ${shownUrl} does not speak TLS`, 'write nats:// and leave out --tlsca, or name another server'];
  return [
    `NATS is away: nothing answered at ${shownUrl} (${reason})`,
    'start it with `reeve up`, or name another server with --nats or REEVE_NATS_URL',
  ];
}

interface Asked {
  command: string;
  prefix: string;
  shownUrl: string;
  timeoutMs: number;
}

function unanswered(cause: unknown, asked: Asked): AnswerError {
  if (cause instanceof errors.RequestError && cause.isNoResponders())
    return new AnswerError(
      'unavailable',
      `no agent answers ${asked.command} at ${asked.shownUrl} (prefix ${asked.prefix})`,
      'start one with `reeve up` or `reeve agent`; if one runs, check --nats and --prefix, and that it knows this command',
      { cause },
    );
  const within = cause instanceof errors.TimeoutError ? ` within ${asked.timeoutMs / 1000} s` : ` (${reasonOf(cause)})`;
  return new AnswerError(
    'unavailable',
    `no answer to ${asked.command} came${within}`,
    'whether it took effect is not known: look with `reeve ps` before you repeat it',
    { cause },
  );
}

/** The answer in a message; throws the AnswerError that it is. */
function answerOf(command: string, data: Uint8Array): Answer {
  const value = parsed(data);
  if (isObject(value) && value.ok === true) return value as Answer;
  const error = isObject(value) && value.ok === false && isObject(value.error) ? value.error : undefined;
  if (!error) throw new AnswerError('internal', `the answer to ${command} is not one of Reeve's`, 'check --prefix');
  const code = typeof error.code === 'string' && error.code in answerCodes ? (error.code as AnswerCode) : 'internal';
  throw new AnswerError(code, String(error.message ?? code), String(error.hint ?? ''));
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
