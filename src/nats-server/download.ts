/** One file over HTTP, bounded in size and time, that counts only if it is what was expected. */
import { createHash } from 'node:crypto';
import { FailureError } from '../core/failure.ts';

export interface Expected {
  /** sha256 of the whole, in hexadecimal. */
  sum: string;
  bytesMax: number;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

/** Its bytes. Rejects with the failure `release-unreachable`, or `release-corrupt` where they are not the expected. */
export async function download(url: string, expected: Expected): Promise<Buffer> {
  const timeout = AbortSignal.timeout(expected.timeoutMs);
  const signal = expected.signal ? AbortSignal.any([timeout, expected.signal]) : timeout;
  const bytes = await read(url, expected.bytesMax, signal).catch((cause: unknown) => {
    if (cause instanceof FailureError) throw cause;
    expected.signal?.throwIfAborted();
    throw unreachable(url, timeout.aborted ? `not whole within ${expected.timeoutMs} ms` : reasonOf(cause), cause);
  });
  const sum = createHash('sha256').update(bytes).digest('hex');
  if (sum !== expected.sum)
    throw corrupt(`${url} is not what was published: its sha256 is ${sum}, not ${expected.sum}`);
  return bytes;
}

async function read(url: string, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
  const response = await fetch(url, { signal });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw unreachable(url, `it answered ${response.status} ${response.statusText}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw corrupt(`${url} is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What fetch means by "fetch failed" stands in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function unreachable(url: string, why: string, cause?: unknown): FailureError {
  const hint = 'see that this machine reaches it, or put a nats-server on PATH';
  const message = `cannot fetch ${url}: ${why}`;
  return new FailureError({ kind: 'transient', code: 'release-unreachable', message, hint }, { cause });
}

function corrupt(message: string): FailureError {
  const hint = 'something changes downloads on the way: put a nats-server from a source that you trust on PATH';
  return new FailureError({ kind: 'permanent', code: 'release-corrupt', message, hint });
}
