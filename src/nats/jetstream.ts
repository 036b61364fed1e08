/**
 * JetStream's own requests, as thin as they can be: one request, one typed answer, one kind of error. The client
 * library's wrappers are used for their types only; the steps of records and mail pass here thousands of times a second.
 */
import type { ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import {
  ClosedConnectionError,
  ConnectionError,
  type MsgHdrs,
  headers as makeHeaders,
  NoRespondersError,
  RequestError,
  TimeoutError,
} from 'nats';
import type { Link } from './connection.ts';
import { request } from './requests.ts';

/** JetStream's numbers for what it refuses, as far as anything here depends on them. */
export const refusals = {
  streamNotFound: 10059,
  /** There is a stream of this name, and it is configured otherwise. */
  streamNameInUse: 10058,
  /** A stream has one of the subjects: another one, or this very one where two made it at once (seen on 2.9). */
  subjectsOverlap: 10065,
  messageNotFound: 10037,
  wrongLastSequence: 10071,
  /** The same, from replicated streams of newer servers, which do not say the sequence. */
  wrongLastSequenceUnsaid: 10164,
  storeFailed: 10077,
  insufficientResources: 10023,
  storageExceeded: 10047,
} as const;

/** JetStream answered, and said no. */
export class JetStreamRefusal extends Error {
  override readonly name = 'JetStreamRefusal';
  /** Its number, one of `refusals` where it matters. */
  readonly code: number;
  /** As in HTTP; 503 comes while a leader is elected. */
  readonly status: number;

  constructor(answer: { code: number; err_code?: number; description?: string }, subject: string) {
    super(`${answer.description ?? 'refused'} (JetStream ${answer.err_code ?? answer.code}, for ${subject})`);
    this.code = answer.err_code ?? 0;
    this.status = answer.code;
  }
}

/** True when the outcome is unknown or may change by waiting: no answer, nobody there, a leader being elected. */
export function isTransient(error: unknown): boolean {
  if (error instanceof JetStreamRefusal) return error.status === 503;
  if (error instanceof TimeoutError || error instanceof NoRespondersError) return true;
  // A request that was cut off by the end of its connection; a link that was closed is told by whoever waits for it.
  return error instanceof RequestError || error instanceof ConnectionError || error instanceof ClosedConnectionError;
}

/** True when nobody took the request, so that it cannot have had an effect. */
export function isUntaken(error: unknown): boolean {
  return error instanceof RequestError && error.isNoResponders();
}

/** True when a publish named another last message of its subject than the stream has. */
export function isOvertaken(error: unknown): boolean {
  if (!(error instanceof JetStreamRefusal)) return false;
  return error.code === refusals.wrongLastSequence || error.code === refusals.wrongLastSequenceUnsaid;
}

const decoder = new TextDecoder();

/** Sends a request of JetStream's API (or a publish that is acknowledged) and reads its answer. */
export async function ask<T>(
  link: Link,
  subject: string,
  body: string | Uint8Array,
  options: { timeoutMs: number; headers?: MsgHdrs },
): Promise<T> {
  const message = await request(link, subject, body, options);
  const answer = JSON.parse(decoder.decode(message.data)) as T & { error?: { code: number; err_code?: number } };
  if (answer.error) throw new JetStreamRefusal(answer.error, subject);
  return answer;
}

export interface PublishAck {
  stream: string;
  seq: number;
  duplicate?: boolean;
}

export interface PublishOptions {
  timeoutMs: number;
  /** Refuse unless the subject's last message is this one (0: none). */
  after?: number;
  /** A repeat of it within two minutes is acknowledged with the sequence of the first. */
  messageId?: string;
  extra?: Record<string, string>;
}

/** Publishes to a stream; resolves when it is stored. */
export function publish(
  link: Link,
  subject: string,
  payload: string | Uint8Array,
  options: PublishOptions,
): Promise<PublishAck> {
  const { timeoutMs, after, messageId, extra } = options;
  const isCreate = after === 0 && messageId === undefined && extra === undefined;
  const headers = isCreate ? createHeaders : publishHeaders(options);
  return ask<PublishAck>(link, subject, payload, { timeoutMs, headers });
}

function publishHeaders({ after, messageId, extra = {} }: Omit<PublishOptions, 'timeoutMs'>): MsgHdrs {
  const headers = makeHeaders();
  if (after !== undefined) headers.append('Nats-Expected-Last-Subject-Sequence', String(after));
  if (messageId !== undefined) headers.append('Nats-Msg-Id', messageId);
  for (const [name, value] of Object.entries(extra)) headers.append(name, value);
  return headers;
}

/** All that a create says; the client library takes a microsecond to make it, so it is made once. */
const createHeaders = publishHeaders({ after: 0 });

/** A message as a stream keeps it. */
export interface Kept {
  subject: string;
  seq: number;
  /** The server's time of it, milliseconds since the epoch. */
  atMs: number;
  data: Uint8Array;
  /** One of its headers, by the exact name; empty where it is missing. */
  header(name: string): string;
}

const apiTimeoutMs = 2_000;

export type MessageQuery = { last_by_subj: string } | { seq: number } | { seq: number; next_by_subj: string };

/** Reads one message at the stream's leader, where writes are decided; undefined where there is none. */
export async function readMessage(link: Link, stream: string, query: MessageQuery): Promise<Kept | undefined> {
  type Answer = { message: { subject: string; seq: number; time: string; data?: string; hdrs?: string } };
  try {
    const { message } = await ask<Answer>(link, `$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(query), {
      timeoutMs: 1_000,
    });
    const head = message.hdrs ? Buffer.from(message.hdrs, 'base64').toString() : '';
    return {
      subject: message.subject,
      seq: message.seq,
      atMs: Date.parse(message.time),
      data: Buffer.from(message.data ?? '', 'base64'),
      header: name => headerIn(head, name),
    };
  } catch (error) {
    if (error instanceof JetStreamRefusal && error.code === refusals.messageNotFound) return undefined;
    throw error;
  }
}

function headerIn(head: string, name: string): string {
  const line = head.split('\r\n').find(each => each.startsWith(`${name}:`));
  return line ? line.slice(name.length + 1).trim() : '';
}

export async function streamInfo(link: Link, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await ask<StreamInfo>(link, `$JS.API.STREAM.INFO.${stream}`, '', { timeoutMs: apiTimeoutMs });
  } catch (error) {
    if (error instanceof JetStreamRefusal && error.code === refusals.streamNotFound) return undefined;
    throw error;
  }
}

/** The names of the streams that take any of these subjects (the first 1,024 for each). */
export async function streamsOn(link: Link, subjects: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const subject of subjects) {
    const answer = await ask<{ streams?: string[] | null }>(link, '$JS.API.STREAM.NAMES', JSON.stringify({ subject }), {
      timeoutMs: apiTimeoutMs,
    });
    for (const name of answer.streams ?? []) names.add(name);
  }
  return [...names].sort();
}

/** How many messages a subject holds. */
export async function countOf(link: Link, stream: string, subject: string): Promise<number> {
  const body = JSON.stringify({ subjects_filter: subject });
  const info = await ask<StreamInfo>(link, `$JS.API.STREAM.INFO.${stream}`, body, { timeoutMs: apiTimeoutMs });
  return info.state.subjects?.[subject] ?? 0;
}

export function createStream(link: Link, config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo> {
  return ask<StreamInfo>(link, `$JS.API.STREAM.CREATE.${config.name}`, JSON.stringify(config), { timeoutMs: 5_000 });
}

export function updateStream(link: Link, config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo> {
  return ask<StreamInfo>(link, `$JS.API.STREAM.UPDATE.${config.name}`, JSON.stringify(config), { timeoutMs: 5_000 });
}

export function createConsumer(link: Link, stream: string, config: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
  const body = JSON.stringify({ stream_name: stream, config });
  return ask<ConsumerInfo>(link, `$JS.API.CONSUMER.CREATE.${stream}`, body, { timeoutMs: apiTimeoutMs });
}

/** Removes what a subject holds before sequence `seq`. */
export async function purgeBefore(link: Link, stream: string, filter: string, seq: number): Promise<void> {
  const body = JSON.stringify({ filter, seq });
  await ask(link, `$JS.API.STREAM.PURGE.${stream}`, body, { timeoutMs: apiTimeoutMs });
}

/** Removes all that a subject holds. */
export async function purgeSubject(link: Link, stream: string, filter: string): Promise<void> {
  await ask(link, `$JS.API.STREAM.PURGE.${stream}`, JSON.stringify({ filter }), { timeoutMs: apiTimeoutMs });
}
