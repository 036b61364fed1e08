/**
 * The snapshots of a VictoriaMetrics, over HTTP. Each request is bounded, in time and in what is read of its answer; its
 * failures are classified here. The credentials are read anew for each client.
 */
import { readFile } from 'node:fs/promises';
import { formatDuration } from '../../core/durations.ts';
import { FailureError } from '../../core/failure.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import { helperTimeoutMs } from '../../runner/helper-call.ts';
import { permanent } from '../failures.ts';
import { paths, snapshotName } from './facts.ts';

const answerBytesMax = 4 * 2 ** 20;

/** Nobody knows whether what was asked for was done: the answer did not come, or was none. */
export class Unanswered extends FailureError {}

export interface SnapshotList {
  names: string[];
  /** The server's time, in milliseconds. */
  at: number;
}

/** Those under way, by server and name. */
const deletions = new Map<string, Promise<void>>();

interface Asked {
  what: string;
  path: string;
  signal: AbortSignal | undefined;
}

export class SnapshotApi {
  /** As people know it. */
  readonly url: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;

  private constructor(url: string, authorization: string | undefined, timeoutMs: number) {
    this.url = url;
    this.#authorization = authorization;
    this.#timeoutMs = timeoutMs;
  }

  /** A client for a plan's engine. Rejects with `auth-failed` where its credentials cannot be read. */
  static async open(
    { url, credentials }: Pick<EngineConfigOf<'victoriametrics'>, 'url' | 'credentials'>,
    config: Pick<AgentConfig, 'name' | 'credentials'>,
    timeoutMs = helperTimeoutMs,
  ): Promise<SnapshotApi> {
    const { username, password } = new URL(url);
    if (username !== '' || password !== '')
      throw permanent(
        'auth-failed',
        'the url of the plan has a user in it',
        "put it into a file, and name that by `credentials`: it is read from the agent's file",
      );
    const base = url.replace(/\/+$/, '');
    return new SnapshotApi(base, await authorizationOf(credentials, config), timeoutMs);
  }

  /** Rejects unless the server is well. */
  async health(signal?: AbortSignal): Promise<void> {
    await this.#ask({ what: 'the health of VictoriaMetrics', path: paths.health, signal });
  }

  async list(signal?: AbortSignal): Promise<SnapshotList> {
    const answer = await this.#askJson({ what: 'the list of snapshots', path: paths.list, signal });
    const { snapshots } = answer.json;
    if (!Array.isArray(snapshots)) throw this.#strange('the list of snapshots');
    return { names: snapshots.filter(isSnapshotName), at: answer.at };
  }

  /** Makes a snapshot and resolves with its name. Rejects with `Unanswered` where one may be there all the same. */
  async create(signal?: AbortSignal): Promise<string> {
    const { json } = await this.#askJson({ what: 'the request for a snapshot', path: paths.create, signal });
    if (!isSnapshotName(json.snapshot)) throw this.#strange('the request for a snapshot');
    return json.snapshot;
  }

  /**
   * Done also where there is no such snapshot. Only for one whose making was answered, or is known to be over: a server
   * dies of the deletion of one that it is making. For the same reason no two of this process delete one at once.
   */
  async delete(name: string, signal?: AbortSignal): Promise<void> {
    const key = `${this.url} ${name}`;
    const deletion = deletions.get(key) ?? this.#delete(name, signal).finally(() => deletions.delete(key));
    deletions.set(key, deletion);
    await deletion;
  }

  async #delete(name: string, signal?: AbortSignal): Promise<void> {
    const path = `${paths.delete}?snapshot=${encodeURIComponent(name)}`;
    await this.#askJson({ what: `the deletion of snapshot ${name}`, path, signal });
  }

  async #askJson(asked: Asked): Promise<{ json: Record<string, unknown>; at: number }> {
    const { text, at } = await this.#ask(asked);
    try {
      const json = JSON.parse(text) as Record<string, unknown>;
      if (json.status === 'ok') return { json, at };
    } catch {
      // Told below, as any other answer that is none.
    }
    throw this.#strange(asked.what, text);
  }

  async #ask({ what, path, signal }: Asked): Promise<{ text: string; at: number }> {
    const late = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await fetch(`${this.url}${path}`, {
        headers: {
          // Hours lie between two calls: a connection that is kept may belong to a server that was restarted since.
          connection: 'close',
          ...(this.#authorization !== undefined && { authorization: this.#authorization }),
        },
        redirect: 'manual', // whoever else answers there is not to get the password
        signal: signal ? AbortSignal.any([signal, late]) : late,
      });
      const text = await firstText(response);
      if (response.ok) return { text, at: Date.parse(response.headers.get('date') ?? '') || Date.now() };
      throw this.#refused(what, response.status, text);
    } catch (error) {
      if (error instanceof FailureError) throw error;
      if (signal?.aborted) throw signal.reason;
      throw late.aborted ? this.#outOfTime(what) : this.#unreachable(what, error);
    }
  }

  #refused(what: string, status: number, text: string): FailureError {
    const answer = `${what}: ${this.url} answered ${status}${text.trim() === '' ? '' : `: ${text.trim().slice(0, 300)}`}`;
    if (status === 401 || status === 403)
      return permanent(
        'auth-failed',
        answer,
        "correct the file that the plan's credentials name: it is read again at each attempt",
      );
    // Of a proxy before it, or of a server that left half of it behind.
    if (status >= 500)
      return new Unanswered({
        kind: 'transient',
        code: 'source-unreachable',
        message: answer,
        hint: 'see the log of VictoriaMetrics',
      });
    return permanent('source-unreachable', answer, 'is this the URL of a single-node VictoriaMetrics?');
  }

  #outOfTime(what: string): FailureError {
    return new Unanswered({
      kind: 'permanent',
      code: 'deadline-other',
      message: `the deadline of ${what} passed: ${this.url} did not answer within ${formatDuration(this.#timeoutMs)}`,
      hint: 'see whether VictoriaMetrics is well; the next run tries again',
    });
  }

  #unreachable(what: string, error: unknown): FailureError {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const message = `${what}: ${this.url} cannot be reached: ${code || String(cause)}`;
    const hint = 'start VictoriaMetrics, or correct the url of the plan';
    const failure = { kind: 'transient', code: 'source-unreachable', message, hint } as const;
    const isNeverAsked = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;
    return isNeverAsked.test(code) ? new FailureError(failure) : new Unanswered(failure);
  }

  #strange(what: string, text = ''): FailureError {
    return new Unanswered({
      kind: 'permanent',
      code: 'source-unreachable',
      message: `${what}: ${this.url} answered what is no answer of VictoriaMetrics: ${text.slice(0, 100)}`,
      hint: 'is this the URL of a single-node VictoriaMetrics?',
    });
  }
}

export function isSnapshotName(value: unknown): value is string {
  return typeof value === 'string' && snapshotName.test(value);
}

async function authorizationOf(
  name: string | undefined,
  { credentials, name: agent }: Pick<AgentConfig, 'name' | 'credentials'>,
): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const file = credentials[name]?.basicAuthFile;
  if (file === undefined)
    throw permanent(
      'auth-failed',
      `agent ${agent} has no credentials ${name} with a basicAuthFile`,
      `define them under credentials in the file of agent ${agent}`,
    );
  try {
    const text = (await readFile(file, 'utf8')).trim();
    return `Basic ${Buffer.from(text).toString('base64')}`;
  } catch (cause) {
    const message = `the credentials ${name} cannot be read: ${(cause as Error).message}`;
    throw permanent('auth-failed', message, 'let the user that the agent runs as read the file', { cause });
  }
}

async function firstText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let left = answerBytesMax;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    left -= chunk.length;
    if (left < 0) throw new Error(`the answer has more than ${answerBytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
