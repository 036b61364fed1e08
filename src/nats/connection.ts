/**
 * The link to NATS. One promise: whoever holds a link can ask at any time whether it is up, is told when that changes,
 * and can wait until it is up again, bounded by a signal. An agent's link reconnects for ever.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { AnswerError } from '../core/answer-error.ts';
import { connectionSettings, type NatsOptions } from './connection-settings.ts';

export interface Link {
  readonly connection: NatsConnection;
  /** False from the moment that the loss is noticed (two missed pings, or the socket's end) until it is back. */
  readonly isUp: boolean;
  readonly isClosed: boolean;
  /** The server's version; 0.0.0 where it is not told. Changes when another server answers after a reconnection. */
  version(): ServerVersion;
  /** Calls `see` on each change until the returned function is called. */
  onChange(see: (up: boolean) => void): () => void;
  /** Resolves when the link is up; rejects with the signal's reason, or `unavailable` when the link was closed. */
  untilUp(signal?: AbortSignal): Promise<void>;
  /** Ends the link without waiting for what is under way. May be called twice. */
  close(): Promise<void>;
}

export interface ServerVersion {
  major: number;
  minor: number;
  patch: number;
  text: string;
}

/** Reads `2.9.10`, `v2.10.0-beta.1`; anything else is 0.0.0. */
export function parseServerVersion(text: string): ServerVersion {
  const [, major = '0', minor = '0', patch = '0'] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return { major: Number(major), minor: Number(minor), patch: Number(patch), text };
}

export function isAtLeast(version: ServerVersion, major: number, minor: number, patch = 0): boolean {
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.patch >= patch;
}

const retryMs = 250;

const everAgain = {
  timeout: 2_000,
  pingInterval: 1_000,
  maxPingOut: 2,
  reconnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: retryMs,
  // Credentials are files that may be renewed under us, so a refusal is one more reason to try again.
  ignoreAuthErrorAbort: true,
  // A stack for each request costs a third of its time.
  noAsyncTraces: true,
};

/**
 * An agent's link: tries until `signal` is aborted (then rejects with its reason), and reconnects for ever. `waiting`
 * is told of each failed try. What can never work rejects at once, as `connectionSettings` does.
 */
export async function openLink(
  options: NatsOptions,
  { signal, waiting }: { signal?: AbortSignal; waiting?: (cause: Error) => void } = {},
): Promise<Link> {
  const settings = await connectionSettings(options);
  for (;;) {
    signal?.throwIfAborted();
    try {
      return new NatsLink(await connect({ ...settings, ...everAgain }));
    } catch (cause) {
      waiting?.(cause instanceof Error ? cause : new Error(String(cause)));
      await sleep(retryMs, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
    }
  }
}

class NatsLink implements Link {
  readonly connection: NatsConnection;
  isUp = true;
  isClosed = false;
  readonly #listeners = new Set<(up: boolean) => void>();

  constructor(connection: NatsConnection) {
    this.connection = connection;
    void this.#follow();
  }

  version(): ServerVersion {
    return parseServerVersion(this.connection.info?.version ?? '');
  }

  onChange(see: (up: boolean) => void): () => void {
    this.#listeners.add(see);
    return () => this.#listeners.delete(see);
  }

  untilUp(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.isClosed) return Promise.reject(closedError());
    if (this.isUp) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = () => {
        if (!this.isUp && !this.isClosed && !signal?.aborted) return;
        stop();
        signal?.removeEventListener('abort', settle);
        if (signal?.aborted) reject(signal.reason);
        else if (this.isClosed) reject(closedError());
        else resolve();
      };
      const stop = this.onChange(settle);
      signal?.addEventListener('abort', settle);
    });
  }

  async close(): Promise<void> {
    await this.connection.close();
    this.#end();
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') this.#turn(false);
      else if (status.type === 'reconnect') this.#turn(true);
    }
    this.#end();
  }

  #turn(up: boolean): void {
    if (this.isUp === up) return;
    this.isUp = up;
    for (const see of [...this.#listeners]) see(up);
  }

  #end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isUp = false;
    for (const see of [...this.#listeners]) see(false);
  }
}

function closedError(): AnswerError {
  return new AnswerError('unavailable', 'the connection to NATS was closed', 'start again');
}
