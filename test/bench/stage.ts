/** A real nats-server with all storage, and runtimes of lamps on it, on their own links as on an agent's. */
import { randomUUID } from 'node:crypto';
import type { JetStreamClient } from '@nats-io/jetstream';
import { connect, headers } from 'nats';
import type { Clock } from '../../src/core/clock.ts';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { Correspondence } from '../../src/nats/correspondence.ts';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { Names, streamOf, subjectOf } from '../../src/nats/names.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { NatsRefusals } from '../../src/nats/refusals.ts';
import { prepareStorage } from '../../src/nats/storage.ts';
import type { Host } from '../../src/runtime/host.ts';
import { MemoryMailboxes } from '../../src/runtime/memory/mailboxes.ts';
import { MemoryRecordStore } from '../../src/runtime/memory/record-store.ts';
import { MemoryRefusals } from '../../src/runtime/memory/refusals.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { SystemClock } from '../../src/runtime/system-clock.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { lamp } from './lamp.ts';

export type Stores = Pick<Host, 'store' | 'mailboxes' | 'refusals' | 'reply'>;

export const names = new Names();
export const actorsSubject = (id: string, kind: string = lamp.kind) => subjectOf(names.actorsBucket, `${kind}.${id}`);

/** A server whose storage is ready. */
export async function openServer() {
  const server = await startNatsServer();
  const link = await linkTo(server.url);
  await prepareStorage(link, names, {}, { signal: AbortSignal.timeout(10_000) });
  const version = link.version().text;
  await link.close();
  return { url: server.url, version, stop: () => server.stop() };
}

export function linkTo(url: string): Promise<Link> {
  return openLink({ servers: [url], name: 'bench' }, { signal: AbortSignal.timeout(10_000) });
}

export function natsStores(link: Link): Stores & { correspondence: Correspondence } {
  const mailboxes = new NatsMailboxes(link, names);
  const correspondence = new Correspondence(link, mailboxes);
  const store = new NatsRecordStore(link, names);
  return { store, mailboxes, refusals: new NatsRefusals(link, names), reply: correspondence.reply, correspondence };
}

export function memoryStores(): Stores {
  return {
    store: new MemoryRecordStore(),
    mailboxes: new MemoryMailboxes(),
    refusals: new MemoryRefusals(),
    reply: () => undefined,
  };
}

/** An incarnation of its own on `stores`, which tells nothing. */
export function hostOf({ store, mailboxes, refusals, reply }: Stores, clock: Clock): Host {
  let writes = 0;
  return {
    store,
    mailboxes,
    refusals,
    reply,
    clock,
    owner: { agent: 'bench', host: 'bench', incarnation: randomUUID() },
    nextWrite: () => ++writes,
    random: Math.random,
    observe: () => undefined,
    poison: new Map(),
  };
}

/** A runtime of lamps on `stores`; each is an incarnation of its own. `close` leaves the records as they are. */
export function openRuntime(stores: Stores) {
  const clock = new SystemClock();
  const runtime = new Runtime(hostOf(stores, clock));
  const supervisor = new Supervisor({
    name: 'lamps',
    clock,
    observe: () => undefined,
    random: Math.random,
    stopOrder: 'together',
  });
  runtime.define(lamp, supervisor);
  const close = async () => {
    await supervisor.drain(clock.now() + 20_000);
    runtime.close();
    clock.close();
  };
  return { runtime, clock, close };
}

/** Calls `work` for 0 to `count - 1`, at most `atOnce` at a time. */
export async function bounded(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await work(n);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** A plain connection of the client library, as an anchor has it. */
export function plainConnection(url: string) {
  return connect({ servers: [url], noAsyncTraces: true });
}

type Plain = Awaited<ReturnType<typeof plainConnection>>;

/** A create as the client library offers it: a publish to JetStream that names 0 as the subject's last message. */
export async function bareCreate(client: JetStreamClient, subject: string, value: Uint8Array): Promise<void> {
  await client.publish(subject, value, { expect: { lastSubjectSequence: 0 }, timeout: 10_000 });
}

/** The same by a bare request, with what the library does for a publish left out: the least that a create can cost. */
export async function rawCreate(connection: Plain, subject: string, value: Uint8Array): Promise<void> {
  const head = headers();
  head.set('Nats-Expected-Last-Subject-Sequence', '0');
  const answer = (await connection.request(subject, value, { headers: head, timeout: 10_000 })).json<{
    error?: object;
  }>();
  if (answer.error) throw new Error(`the bare create was refused: ${JSON.stringify(answer.error)}`);
}

/** Removes what was created under a kind, so that nobody who lists the bucket reads it. */
export async function forgetCreates(connection: Plain, kind: string): Promise<void> {
  const body = JSON.stringify({ filter: actorsSubject('*', kind) });
  await connection.request(`$JS.API.STREAM.PURGE.${streamOf(names.actorsBucket)}`, body, { timeout: 10_000 });
}
