/**
 * Creates the buckets and streams, or brings those that are there up to what is needed.
 *
 * 1. Nothing is ever weakened: of two limits the wider stays, of two counts of replicas the higher.
 * 2. What JetStream cannot change (where it stores, how it retains) ends the start, by name, and is left alone.
 * 3. While JetStream is not ready (503, not enabled yet, no answer) the work is tried again, until the signal.
 * 4. Many may begin at once: a refusal because of what another of them is making is no failure, one because of a
 *    stranger's stream is, and names it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamInfo } from '@nats-io/jetstream';
import { FailureError } from '../core/failure.ts';
import { isAtLeast, type Link, type ServerVersion } from './connection.ts';
import {
  createStream,
  isTransient,
  isUntaken,
  JetStreamRefusal,
  refusals,
  streamInfo,
  streamsOn,
  updateStream,
} from './jetstream.ts';
import type { Names } from './names.ts';
import { type DesiredStream, desiredStreams, merge } from './stream-config.ts';

export interface StorageOptions {
  /** Copies of each stream: 1, 3 or 5; 1 unless configured. */
  replicas?: number;
  /** Most bytes that the history may take before its oldest goes; 1 GiB unless configured. */
  historyBytesMax?: number;
}

const retryMs = 250;
const sourcedMs = 5_000;

/**
 * Resolves when all storage stands, with the most replicas that any of it has (an earlier configuration may have asked
 * for more than this one, and they are never lowered): what the record store must know. Rejects with the signal's
 * reason, or a permanent failure that names the stream and what stands in the way. `waiting` is told why it is not ready
 * yet.
 */
export async function prepareStorage(
  link: Link,
  names: Names,
  options: StorageOptions,
  { signal, waiting }: { signal: AbortSignal; waiting?: (cause: Error) => void },
): Promise<{ replicas: number }> {
  let actual = 1;
  const replicas = options.replicas ?? 1;
  for (const desired of desiredStreams(names, replicas, options.historyBytesMax ?? 2 ** 30)) {
    for (;;) {
      await link.untilUp(signal);
      checkReplicas(replicas, link.version());
      try {
        actual = Math.max(actual, await ensure(link, desired));
        checkReplicas(actual, link.version());
        break;
      } catch (error) {
        if (!isWaiting(error)) throw asFailure(error, desired.name);
        waiting?.(toldOf(error));
        await sleep(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }
  await untilSourced(link, names, signal);
  return { replicas: actual };
}

/**
 * Waits until the history copies from the bucket. A new source is taken up with a delay, and what a key wrote beyond the
 * bucket's revisions meanwhile would be missing from its past. Bounded: a history that is late stops nobody from working.
 */
async function untilSourced(link: Link, names: Names, signal: AbortSignal): Promise<void> {
  const end = performance.now() + sourcedMs;
  while (performance.now() < end) {
    const info = await streamInfo(link, names.historyStream).catch(error => {
      if (isWaiting(error)) return undefined;
      throw error;
    });
    // Minus one until the origin was first heard of.
    if (info?.sources?.every(source => source.active >= 0)) return;
    await sleep(20, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/**
 * True where a replicated bucket is not to be trusted. Up to 2.9.20 a server checks the expected sequence before it
 * replicates and not after (nats-server#4320), and well into 2.10 one that expected 0 was stored by some replicas and
 * refused by others (nats-server#5794). Later ones still forget what is under way when their leader changes, which the
 * order of the log itself decides.
 */
export function isUnsoundReplicated(version: ServerVersion): boolean {
  return !isAtLeast(version, 2, 11);
}

function checkReplicas(replicas: number, version: ServerVersion): void {
  if (replicas === 1 || !isUnsoundReplicated(version)) return;
  throw new FailureError({
    kind: 'permanent',
    code: 'replicas-unsound',
    message: `nats-server ${version.text} may acknowledge two writers of one revision in a bucket of ${replicas} replicas`,
    hint: 'upgrade every server to 2.11 or later, or configure 1 replica',
  });
}

/** Resolves with the replicas that the stream has. */
async function ensure(link: Link, desired: DesiredStream): Promise<number> {
  try {
    const info = (await streamInfo(link, desired.name)) ?? (await created(link, desired));
    const config = merge(info.config, desired);
    return config ? (await updateStream(link, config)).config.num_replicas : info.config.num_replicas;
  } catch (error) {
    if (isRefusal(error, refusals.subjectsOverlap)) await checkSubjects(link, desired, error);
    throw error;
  }
}

/**
 * The stream that was made; where another agent made it in between, that one. A server that compares the names before the
 * subjects, and lets another create pass in between (2.9), refuses a stream for overlapping with itself.
 */
async function created(link: Link, desired: DesiredStream): Promise<StreamInfo> {
  try {
    return await createStream(link, desired);
  } catch (error) {
    const info = isRefusal(error, ...contested) ? await streamInfo(link, desired.name) : undefined;
    if (!info) throw error;
    return info;
  }
}

/** Throws where another stream has the subjects, which no waiting changes. */
async function checkSubjects(link: Link, desired: DesiredStream, cause: unknown): Promise<void> {
  const subjects = desired.subjects ?? [];
  const others = (await streamsOn(link, subjects)).filter(name => name !== desired.name);
  if (others.length === 0) return;
  throw new FailureError(
    {
      kind: 'permanent',
      code: 'storage-refused',
      message: `JetStream refuses the stream ${desired.name}: ${others.join(', ')} has subjects in ${subjects.join(', ')}`,
      hint: `remove ${others.join(', ')} or change its subjects, or configure another prefix`,
    },
    { cause },
  );
}

/** What a create is refused with while, or after, another one makes the same stream. */
const contested = [refusals.streamNameInUse, refusals.subjectsOverlap];

function isRefusal(error: unknown, ...codes: number[]): error is JetStreamRefusal {
  return error instanceof JetStreamRefusal && codes.includes(error.code);
}

/** JetStream's number for an account, or a server, on which it is not enabled (yet). */
const notEnabled = [10039, 10076];

function isWaiting(error: unknown): boolean {
  if (isRefusal(error, ...notEnabled)) return true;
  // The other one's stream is not there yet, or not any more: nobody else has its subjects (see `ensure`).
  if (isRefusal(error, ...contested)) return true;
  // A source that is still being created, on a server that has just started.
  return isTransient(error);
}

/** JetStream that is missing is told as that, not as a subject that nobody answers. */
function toldOf(error: unknown): Error {
  if (isUntaken(error) || isRefusal(error, ...notEnabled))
    return new Error('no JetStream answers there; start nats-server with --jetstream', { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

function asFailure(error: unknown, name: string): Error {
  if (!(error instanceof JetStreamRefusal)) return error instanceof Error ? error : new Error(String(error));
  const full = error.code === refusals.storageExceeded || error.code === refusals.insufficientResources;
  return new FailureError(
    {
      kind: 'permanent',
      code: full ? 'storage-full' : 'storage-refused',
      message: `JetStream refuses the stream ${name}: ${error.message}`,
      hint: full ? 'give JetStream more file storage, or configure a smaller history' : 'check the server and its log',
    },
    { cause: error },
  );
}
