/**
 * A VictoriaMetrics of our own on what a drill restored: it opens every part as it starts, and is then asked for every
 * sample. It listens on a free port of loopback, and ends with whoever started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { permanent } from '../failures.ts';
import { commands, metrics, paths, readingFlags } from './facts.ts';

export interface ReadBack {
  /** Samples that its parts say they have. */
  rows: number;
  /** Series that were deleted there, whose samples no query brings back. */
  deleted: number;
  /** What the export of all samples came to. */
  samples: number;
  bytes: number;
}

/** Another process may take the port that was free a moment ago. */
const startsMax = 3;
const lookEachMs = 100;

/**
 * Reads everything under `to`. Undefined where the server is not installed. Rejects with `data-corrupt` where it cannot
 * open or read what is there, and with the signal's reason.
 */
export async function readBack(
  to: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<ReadBack | undefined> {
  for (let starts = 1; ; starts += 1) {
    const server = new ReadingServer(to, await freePort());
    try {
      const found = await server.ready(signal);
      if (found === 'not installed') return undefined;
      if (found === 'port taken' && starts < startsMax) continue;
      if (found !== 'ready') throw damaged(to, server.complaint ?? 'it ended before it was ready');
      return { ...(await server.counts(signal)), ...(await server.export(signal, onBytes)) };
    } finally {
      server.kill();
    }
  }
}

class ReadingServer {
  /** What it said first of an error. */
  complaint: string | undefined;
  readonly #to: string;
  readonly #url: string;
  readonly #child: ChildProcess;
  #ended: 'not installed' | 'ended' | undefined;

  constructor(to: string, port: number) {
    this.#to = to;
    const address = `127.0.0.1:${port}`;
    this.#url = `http://${address}`;
    const flags = [`-storageDataPath=${to}`, `-httpListenAddr=${address}`, ...readingFlags];
    this.#child = spawn(commands.server, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.once('error', ({ code }: NodeJS.ErrnoException) => {
      this.#ended = code === 'ENOENT' ? 'not installed' : 'ended';
    });
    this.#child.once('exit', () => {
      this.#ended ??= 'ended';
    });
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', line => this.#hear(line));
  }

  async ready(signal: AbortSignal): Promise<'ready' | 'not installed' | 'port taken' | 'ended'> {
    for (;;) {
      if (this.#ended === 'not installed') return 'not installed';
      if (this.#ended) return this.complaint?.includes('address already in use') ? 'port taken' : 'ended';
      if (await this.#isWell(signal)) return 'ready';
      await sleep(lookEachMs, undefined, { signal });
    }
  }

  async counts(signal: AbortSignal): Promise<Pick<ReadBack, 'rows' | 'deleted'>> {
    const text = await (await this.#ask('/metrics', signal)).text();
    const sumOf = (metric: RegExp) => [...text.matchAll(metric)].reduce((sum, [, value]) => sum + Number(value), 0);
    return { rows: sumOf(metrics.storedRows), deleted: sumOf(metrics.deletedSeries) };
  }

  async export(signal: AbortSignal, onBytes: (bytes: number) => void): Promise<Pick<ReadBack, 'samples' | 'bytes'>> {
    const query = new URLSearchParams({
      'match[]': '{__name__!=""}',
      reduce_mem_usage: '1',
      max_rows_per_line: '10000',
    });
    const found = { samples: 0, bytes: 0 };
    try {
      const { body } = await this.#ask(`/api/v1/export?${query}`, signal);
      const lines = createInterface({
        input: Readable.fromWeb(body as ReadableStream),
        crlfDelay: Number.POSITIVE_INFINITY,
      });
      for await (const line of lines) {
        found.samples += (JSON.parse(line) as { values: unknown[] }).values.length;
        found.bytes += line.length + 1;
        onBytes(found.bytes);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw damaged(this.#to, this.complaint ?? String(error));
    }
    if (this.complaint !== undefined) throw damaged(this.#to, this.complaint);
    return found;
  }

  /** What it has is thrown away, so it needs no time to end. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #isWell(signal: AbortSignal): Promise<boolean> {
    return await fetch(`${this.#url}${paths.health}`, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async #ask(path: string, signal: AbortSignal): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`, { signal, headers: { connection: 'close' } });
    if (response.ok) return response;
    throw new Error(`${path} was answered with ${response.status}: ${(await response.text()).slice(0, 300)}`);
  }

  #hear(line: string): void {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      if (level === 'error' || level === 'fatal' || level === 'panic') this.complaint ??= msg;
    } catch {
      // The stack of a crash is no line of its log.
      if (line.startsWith('panic:')) this.complaint ??= line;
    }
  }
}

function damaged(to: string, said: string) {
  const hint = 'see the log with: reeve logs; restore another backup, and see with a verify what this one lacks';
  return permanent(
    'data-corrupt',
    `VictoriaMetrics cannot read what was restored: ${said.replaceAll(`${to}/`, '')}`,
    hint,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(0, '127.0.0.1', resolve);
  await promise;
  const { port } = server.address() as { port: number };
  await new Promise(closed => server.close(closed));
  return port;
}
