/**
 * What each bucket and stream must be, and how one that is there is brought up to it without weakening it: of two limits
 * the wider stays, of two counts of replicas the higher.
 */
import type { StreamConfig } from '@nats-io/jetstream';
import { FailureError } from '../core/failure.ts';
import { type Names, streamOf } from './names.ts';

export type DesiredStream = Partial<StreamConfig> & { name: string };

const dayNs = 86_400_000 * 1e6;

/** How many messages a mailbox holds before it refuses. */
export const mailboxMax = 1_000;

/** How many revisions of a record its bucket keeps. */
export const revisionsMax = 64;

/** All of them, in the order in which they are made: a stream's source comes before it. */
export function desiredStreams(names: Names, replicas: number, historyBytesMax: number): DesiredStream[] {
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

function stream(name: string, subjects: string[], replicas: number): DesiredStream {
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
function bucket(name: string, history: number, replicas: number): DesiredStream {
  return {
    ...stream(streamOf(name), [`$KV.${name}.>`], replicas),
    max_msgs_per_subject: history,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  };
}

/** The configuration that keeps what is there and adds what is needed; undefined where nothing is missing. */
export function merge(existing: StreamConfig, desired: DesiredStream): StreamConfig | undefined {
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
