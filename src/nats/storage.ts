/**
 * Creates the buckets and streams, or brings those that are there up to what is needed.
 *
 * 1. Nothing is ever weakened: of two limits the wider stays, of two counts of replicas the higher.
 * 2. What JetStream cannot change (where it stores, how it retains) ends the start, by name, and is left alone.
 * 3. While JetStream is not ready (503, not enabled yet, no answer) the work is tried again, until the signal.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamConfig } from '@nats-io/jetstream';
import { FailureError } from '../core/failure.ts';
import { isAtLeast, type Link, type ServerVersion } from './connection.ts';
import { createStream, isTransient, JetStreamRefusal, refusals, streamInfo, updateStream } from './jetstream.ts';
import { type Names, streamOf } from './names.ts';

export interface StorageOptions {
  /** Copies of each stream: 1, 3 or 5; 1 unless configured. */
  replicas?: number;
  /** Most bytes that the history may take before its oldest goes; 1 GiB unless configured. */
  historyBytesMax?: number;
}

type Desired = Partial<StreamConfig> & { name: string };

const dayNs = 86_400_000 * 1e6;
const retryMs = 250;
const sourcedMs = 5_000;

/** How many messages a mailbox holds before it refuses. */
export const mailboxMax = 1_000;

/** How many revisions of a record its bucket keeps. */
export const revisionsMax = 64;

/**
 * Resolves when all storage stands. Rejects with the signal's reason, or a permanent failure that names the stream and
 * what stands in the way. `waiting` is told why it is not ready yet.
 */
export async function prepareStorage(
  link: Link,
  names: Names,
  options: StorageOptions,
  { signal, waiting }: { signal: AbortSignal; waiting?: (cause: Error) => void },
): Promise<void> {
  const replicas = options.replicas ?? 1;
  for (const desired of desiredStreams(names, replicas, options.historyBytesMax ?? 2 ** 30)) {
    for (;;) {
      await link.untilUp(signal);
      checkReplicas(replicas, link.version());
      try {
        await ensure(link, desired);
        break;
      } catch (error) {
        if (!isWaiting(error)) throw asFailure(error, desired.name);
        waiting?.(error instanceof Error ? error : new Error(String(error)));
        await sleep(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }
  await untilSourced(link, names, signal);
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
 * True where two writers of one revision may both be acknowledged on a replicated bucket. Servers of the 2.9 line did
 * so in nearly every round; later lines are vouched for from 2.10 on only in so far as the log itself decides.
 */
export function isUnsoundReplicated(version: ServerVersion): boolean {
  return !isAtLeast(version, 2, 10);
}

function checkReplicas(replicas: number, version: ServerVersion): void {
  if (replicas === 1 || !isUnsoundReplicated(version)) return;
  throw new FailureError({
    kind: 'permanent',
    code: 'replicas-unsound',
    message: `nats-server ${version.text} acknowledges two writers of one revision when a bucket has ${replicas} replicas`,
    hint: 'upgrade every server to 2.10 or later, or configure 1 replica',
  });
}

function desiredStreams(names: Names, replicas: number, historyBytesMax: number): Desired[] {
  const actors = streamOf(names.actorsBucket);
  return [
    {
      ...bucket(names.actorsBucket, revisionsMax, replicas),
      republish: { src: `$KV.${names.actorsBucket}.>`, dest: `${names.prefix}.event.>` },
    },
    bucket(names.plansBucket, 1, replicas),
    bucket(names.catalogBucket, 1, replicas),
    bucket(names.agentsBucket, 1, replicas),
    {
      ...stream(names.mailStream, [`${names.prefix}.actor.>`], replicas),
      max_msgs_per_subject: mailboxMax,
      discard: 'new',
      discard_new_per_subject: true,
    },
    {
      ...stream(names.historyStream, [], replicas),
      sources: [{ name: actors }],
      max_age: 400 * dayNs,
      max_bytes: historyBytesMax,
    },
    {
      ...stream(names.fatesStream, [`${names.prefix}.fate.>`], replicas),
      max_age: 400 * dayNs,
      max_bytes: 2 ** 26,
    },
    {
      ...stream(names.refusedStream, [`${names.prefix}.refused.>`], replicas),
      max_msgs_per_subject: 1,
      max_bytes: 2 ** 25,
      max_age: 30 * dayNs,
    },
  ];
}

function stream(name: string, subjects: string[], replicas: number): Desired {
  return {
    name,
    subjects,
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: -1,
    max_msgs_per_subject: -1,
    max_consumers: -1,
    num_replicas: replicas,
    duplicate_window: 120_000 * 1e6,
  };
}

/** A bucket's stream, as every key-value client knows it. */
function bucket(name: string, history: number, replicas: number): Desired {
  return {
    ...stream(streamOf(name), [`$KV.${name}.>`], replicas),
    max_msgs_per_subject: history,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  };
}

async function ensure(link: Link, desired: Desired): Promise<void> {
  const info = await streamInfo(link, desired.name);
  if (!info) {
    await createStream(link, desired);
    return;
  }
  const config = merge(info.config, desired);
  if (config) await updateStream(link, config);
}

/** The configuration that keeps what is there and adds what is needed; undefined where nothing is missing. */
export function merge(existing: StreamConfig, desired: Desired): StreamConfig | undefined {
  for (const fixed of ['storage', 'retention'] as const)
    if (existing[fixed] !== desired[fixed])
      throw cannot(existing.name, `${fixed} is "${existing[fixed]}", and must be "${desired[fixed]}"`);
  if (existing.sealed) throw cannot(existing.name, 'it is sealed');
  if (existing.mirror) throw cannot(existing.name, `it mirrors ${existing.mirror.name}`);
  const merged: StreamConfig = {
    ...existing,
    subjects: [...new Set([...(existing.subjects ?? []), ...(desired.subjects ?? [])])],
    num_replicas: Math.max(existing.num_replicas, desired.num_replicas ?? 1),
    duplicate_window: Math.max(existing.duplicate_window, desired.duplicate_window ?? 0),
    discard: desired.discard ?? existing.discard,
    no_ack: false,
  };
  for (const limit of [
    'max_msgs',
    'max_bytes',
    'max_age',
    'max_msg_size',
    'max_msgs_per_subject',
    'max_consumers',
  ] as const)
    merged[limit] = wider(existing[limit], desired[limit] ?? -1);
  // A box that held more before it refused would outgrow what its readers expect.
  if (desired.discard_new_per_subject) {
    merged.discard_new_per_subject = true;
    merged.max_msgs_per_subject = desired.max_msgs_per_subject ?? mailboxMax;
  }
  if (desired.allow_rollup_hdrs) merged.allow_rollup_hdrs = true;
  if (desired.republish) merged.republish = desired.republish;
  const missing = (desired.sources ?? []).filter(each => !existing.sources?.some(source => source.name === each.name));
  if (missing.length > 0) merged.sources = [...(existing.sources ?? []), ...missing];
  return isSame(existing, merged) ? undefined : merged;
}

/** Zero and below mean without limit. */
function wider(one: number, other: number): number {
  return one <= 0 || other <= 0 ? Math.min(one, other, 0) : Math.max(one, other);
}

function isSame(existing: StreamConfig, merged: StreamConfig): boolean {
  const settings = new Set(Object.keys(merged)) as Set<keyof StreamConfig>;
  return [...settings].every(key => {
    const [before, after] = [existing[key], merged[key]];
    if (typeof after === 'number' && typeof before === 'number') return after === before || (after <= 0 && before <= 0);
    return JSON.stringify(before ?? false) === JSON.stringify(after ?? false);
  });
}

function cannot(name: string, why: string): FailureError {
  return new FailureError({
    kind: 'permanent',
    code: 'storage-unfit',
    message: `the stream ${name} cannot be used: ${why}`,
    hint: 'remove or rename it, or configure another prefix',
  });
}

/** JetStream's number for an account, or a server, on which it is not enabled (yet). */
const notEnabled = [10039, 10076];

function isWaiting(error: unknown): boolean {
  if (error instanceof JetStreamRefusal && notEnabled.includes(error.code)) return true;
  // A source that is still being created, on a server that has just started.
  return isTransient(error);
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
