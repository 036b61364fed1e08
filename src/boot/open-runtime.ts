/** The runtime as a library: supervise machines of one's own, in memory or on NATS. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AnswerError } from '../core/answer-error.ts';
import type { RuntimeObserver } from '../core/runtime-facts.ts';
import { openLink } from '../nats/connection.ts';
import { Correspondence } from '../nats/correspondence.ts';
import { NatsMailboxes } from '../nats/mailboxes.ts';
import { Names } from '../nats/names.ts';
import { NatsRecordStore } from '../nats/record-store.ts';
import { NatsRefusals } from '../nats/refusals.ts';
import { prepareStorage } from '../nats/storage.ts';
import type { MachineDefinition } from '../runtime/definition.ts';
import type { DurableActor } from '../runtime/durable-actor.ts';
import type { Host } from '../runtime/host.ts';
import { MemoryMailboxes } from '../runtime/memory/mailboxes.ts';
import { MemoryRecordStore } from '../runtime/memory/record-store.ts';
import { MemoryRefusals } from '../runtime/memory/refusals.ts';
import type { ActorRecord } from '../runtime/record.ts';
import { Runtime, type StartOptions } from '../runtime/runtime.ts';
import { Supervisor, type SupervisorOptions, type Unstopped } from '../runtime/supervisor.ts';
import { SystemClock } from '../runtime/system-clock.ts';

export interface OpenRuntimeOptions {
  /** Names this process as an owner of actors. Two that run at once under one name on one NATS fence each other's actors. */
  name: string;
  /** The machines, a kind each. */
  kinds: readonly MachineDefinition[];
  /** Where records and mail are kept. Default: in this process, and gone with it. */
  nats?: { servers: readonly string[]; prefix?: string };
  /** How the actors are supervised. Default: one-for-one, at most 10 restarts in 60 s, all stopped at once. */
  supervision?: Pick<SupervisorOptions, 'strategy' | 'intensity' | 'periodMs' | 'backoff' | 'stableMs' | 'stopOrder'>;
  /** Told of everything that happens. Default: nobody is. */
  observe?: RuntimeObserver;
}

export interface OpenRuntime {
  /** Starts an actor; durable when this resolves. `created` is false where the id is taken. */
  start(kind: string, id: string, options: StartOptions): Promise<{ created: boolean; record: ActorRecord }>;
  /**
   * Sends a command to an actor's mailbox and resolves with the actor's record once the step that it caused is durable.
   * Rejects with an AnswerError where the actor refuses it, or does not answer in time (10 s).
   */
  send(kind: string, id: string, command: { type: string } & Record<string, unknown>): Promise<ActorRecord>;
  /** The actor, where it runs here. */
  find(kind: string, id: string): DurableActor | undefined;
  /** The newest record of an actor, also of one that is final. */
  read(kind: string, id: string): Promise<ActorRecord | undefined>;
  /** Its records, newest first. */
  history(kind: string, id: string): Promise<ActorRecord[]>;
  /** Stops everything within `graceMs` and says what did not stop. Records stay where they are kept. */
  drain(graceMs: number): Promise<Unstopped[]>;
}

const answerWithinMs = 10_000;

/** Opens a runtime, and takes over what an earlier one of the same name left unfinished. */
export async function openRuntime(options: OpenRuntimeOptions): Promise<OpenRuntime> {
  const { name, kinds, supervision = {}, observe = () => undefined } = options;
  const clock = new SystemClock();
  const stores = options.nats ? await natsStores(options.nats, name) : memoryStores();
  let writes = 0;
  const host: Host = {
    ...stores,
    clock,
    owner: { agent: name, host: hostname(), incarnation: randomUUID() },
    nextWrite: () => ++writes,
    random: Math.random,
    observe,
    poison: new Map(),
  };
  const runtime = new Runtime(host);
  const supervisor = new Supervisor({
    name,
    clock,
    observe,
    random: Math.random,
    stopOrder: 'together',
    ...supervision,
  });
  for (const definition of kinds) runtime.define(definition, supervisor);
  await runtime.adoptAll(({ owner, handTo }) => (owner?.agent ?? handTo ?? name) === name);
  await runtime.openMail();
  const read = async (kind: string, id: string) => (await host.store.read(kind, id))?.record;
  return {
    start: (kind, id, said) => runtime.start(kind, id, said),
    async send(kind, id, command) {
      const answer = (await stores.ask(kind, id, command)) as {
        ok: boolean;
        error?: { code: string; message: string; hint: string };
      };
      const record = answer.ok ? await read(kind, id) : undefined;
      if (record) return record;
      const { message = `${kind} ${id} is gone`, hint = '' } = answer.error ?? {};
      throw new AnswerError('refused', message, hint);
    },
    find: (kind, id) => runtime.find(kind, id),
    read,
    history: async (kind, id) => (await host.store.history(kind, id)).map(({ record }) => record),
    async drain(graceMs) {
      runtime.refuseStarts();
      const unstopped = await supervisor.drain(clock.now() + graceMs);
      runtime.close();
      await stores.close();
      clock.close();
      return unstopped;
    },
  };
}

type Stores = Pick<Host, 'store' | 'mailboxes' | 'refusals' | 'reply'> & {
  ask: (kind: string, id: string, command: object) => Promise<unknown>;
  close: () => Promise<void>;
};

function memoryStores(): Stores {
  const mailboxes = new MemoryMailboxes();
  const asked = new Map<string, (answer: unknown) => void>();
  return {
    store: new MemoryRecordStore(),
    mailboxes,
    refusals: new MemoryRefusals(),
    reply: (to, answer) => {
      asked.get(to)?.(answer);
      asked.delete(to);
    },
    ask: async (kind, id, command) => {
      const replyTo = randomUUID();
      const answered = new Promise(resolve => asked.set(replyTo, resolve));
      await mailboxes.send(kind, id, Buffer.from(JSON.stringify(command)), { replyTo });
      return await answered;
    },
    close: async () => undefined,
  };
}

async function natsStores({ servers, prefix }: NonNullable<OpenRuntimeOptions['nats']>, name: string): Promise<Stores> {
  const names = new Names(prefix);
  const link = await openLink({ servers, name }, { signal: AbortSignal.timeout(answerWithinMs) });
  const storage = await prepareStorage(link, names, {}, { signal: AbortSignal.timeout(answerWithinMs) });
  const mailboxes = new NatsMailboxes(link, names);
  const correspondence = new Correspondence(link, mailboxes);
  return {
    store: new NatsRecordStore(link, names, storage),
    mailboxes,
    refusals: new NatsRefusals(link, names),
    reply: correspondence.reply,
    ask: (kind, id, command) => correspondence.ask(kind, id, command, answerWithinMs),
    close: () => link.close(),
  };
}
