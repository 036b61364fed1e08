/**
 * The runtime of one agent: it runs durable actors of any machine that it was told of, each under a supervisor.
 *
 * 1. A key is run at most once here; a start that meets another waits for it.
 * 2. An actor that crashed is restored from its record, not from the memory that crashed.
 * 3. Draining takes nothing new, and ends with a report of what did not stop.
 */
import type { EventObject } from 'xstate';
import { AnswerError, isUnavailable } from '../core/answer-error.ts';
import { defectOf, errorOf } from '../core/defect.ts';
import { isId } from '../core/ids.ts';
import { drainActor, settle, tellIfTaken } from './actor-drain.ts';
import type { MachineDefinition } from './definition.ts';
import type { DurableActor, Exit } from './durable-actor.ts';
import { adoptDurable, createDurable, createForOther } from './first-records.ts';
import type { Host } from './host.ts';
import { MailPurger } from './mail-purger.ts';
import { MailRoom } from './mail-room.ts';
import { type ActorRecord, keyOf } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { timeText } from './step-record.ts';
import type { Child, ChildLife, Supervisor, Unstopped } from './supervisor.ts';

export interface StartOptions {
  input: object;
  note?: string | undefined;
  requestId?: string | undefined;
}

/** How many records are taken over at once. */
const adoptionsAtOnce = 256;
/** How long a restart waits for the effects of the life before. */
const settleMsDefault = 5_000;
const readAgainMs = 1_000;

export interface RuntimeOptions {
  /** Told when another owner was found for an actor that ran here: what it left running must be stopped. */
  onFenced?: (kind: string, id: string) => void;
  /** How long a restart waits for the effects of the life before to settle. Default 5000. */
  settleMs?: number;
}

export class Runtime {
  readonly host: Host;
  readonly #options: RuntimeOptions;
  readonly #definitions = new Map<string, { definition: MachineDefinition; supervisor: Supervisor }>();
  readonly #running = new Map<string, DurableActor>();
  readonly #starting = new Map<string, Promise<DurableActor | undefined>>();
  readonly #mailRoom: MailRoom;
  readonly #purger: MailPurger;
  #draining = false;
  #opening: Promise<void> | undefined;

  constructor(host: Host, options: RuntimeOptions = {}) {
    this.host = host;
    this.#options = options;
    this.#purger = new MailPurger(host.mailboxes, host.clock, error => this.#defect('purge of read mail', error));
    this.#mailRoom = new MailRoom({
      host,
      find: key => this.#running.get(key),
      onDeadLetter: place => this.#purger.note(place),
    });
  }

  /** Tells it of a kind, whose actors will be children of `supervisor`. Again: those that start from now on. */
  define(definition: MachineDefinition, supervisor: Supervisor): void {
    this.#definitions.set(definition.kind, { definition, supervisor });
  }

  definition(kind: string): MachineDefinition | undefined {
    return this.#definitions.get(kind)?.definition;
  }

  get kinds(): string[] {
    return [...this.#definitions.keys()];
  }

  /** The actors that run here. */
  get actors(): Iterable<DurableActor> {
    return this.#running.values();
  }

  /** The actor of a key, where it runs here. */
  find(kind: string, id: string): DurableActor | undefined {
    return this.#running.get(keyOf({ kind, id }));
  }

  /**
   * Takes over every record that is not final, of a kind that it knows, and that `isOurs`. Resolves with how many run.
   * `records` are those to look at. Default: all of them.
   */
  async adoptAll(
    isOurs: (record: ActorRecord) => boolean,
    records: AsyncIterable<StoredRecord> | Iterable<StoredRecord> = this.host.store.list(),
  ): Promise<number> {
    let adopted = 0;
    const adoptOne = async (stored: StoredRecord) => {
      const { kind, id } = stored.record;
      if (this.find(kind, id)) return;
      try {
        if (await this.#launch(kind, id, onExit => this.#adopt(stored, onExit))) adopted += 1;
      } catch (error) {
        this.#defect(`adoption of ${kind} ${id}`, error);
      }
    };
    const underWay = new Set<Promise<void>>();
    let makeRoom: () => void = () => undefined;
    for await (const stored of records) {
      const { record } = stored;
      if (record.final || !this.#definitions.has(record.kind) || !isOurs(record)) continue;
      const adoption = adoptOne(stored).then(() => {
        underWay.delete(adoption);
        makeRoom();
      });
      underWay.add(adoption);
      while (underWay.size >= adoptionsAtOnce)
        await new Promise<void>(resolve => {
          makeRoom = resolve;
        });
    }
    await Promise.all(underWay);
    return adopted;
  }

  /** Lets mail flow. Whoever was adopted before gets what its mailbox holds. May be called twice. */
  async openMail(): Promise<void> {
    await this.#mailRoom.open();
  }

  /**
   * Takes one record over, with `event` as the step that the event leads to; the mail that waits for it follows. Undefined
   * where somebody else was quicker.
   */
  async adopt(stored: StoredRecord, event?: EventObject): Promise<DurableActor | undefined> {
    const { kind, id } = stored.record;
    return await this.#launch(kind, id, onExit => this.#adopt(stored, onExit, event));
  }

  /**
   * Starts an actor; when this resolves its first record is durable and it runs. Where the id is taken, `created` is
   * false and the record is that of the one that has it. Rejects with an AnswerError while draining, or for a bad id or kind.
   */
  async start(kind: string, id: string, options: StartOptions): Promise<{ created: boolean; record: ActorRecord }> {
    const { definition } = this.#known(kind);
    refuseOddId(id);
    if (this.#opening) await this.#opening;
    if (this.#draining)
      throw new AnswerError(
        'refused',
        `this agent is draining and starts no ${kind}`,
        'ask another agent, or undrain this one',
      );
    const there = this.#running.get(keyOf({ kind, id }));
    if (there) return { created: false, record: there.record };
    let taken: ActorRecord | undefined;
    let first: ActorRecord | undefined;
    const create = async (onExit: (exit: Exit) => void) => {
      const said = { ...options, mail: this.#mailRoom.newest };
      const begun = await createDurable(this.host, definition, id, said, onExit);
      if ('taken' in begun) taken = begun.taken.record;
      else first = begun.actor.record;
      return 'actor' in begun ? begun.actor : undefined;
    };
    await this.#launch(kind, id, create, true);
    const record = first ?? taken ?? this.#running.get(keyOf({ kind, id }))?.record;
    if (!record)
      throw new AnswerError('internal', `${kind} ${id} could not be started`, 'look at the log of the agent');
    return { created: first !== undefined, record };
  }

  /**
   * Creates an actor that the agent `handTo` is to run, by its first record, and runs nothing of it here, also where that
   * is this agent: `adopt` takes it. `created` is false where the id is taken, by `stored`. Rejects with the signal's reason.
   */
  async create(
    kind: string,
    id: string,
    options: StartOptions & { handTo: string; signal?: AbortSignal },
  ): Promise<{ created: boolean; stored: StoredRecord }> {
    const { definition } = this.#known(kind);
    refuseOddId(id);
    return await createForOther(this.host, definition, id, { ...options, mail: this.#mailRoom.newest });
  }

  /** Sends a fact to an actor that runs here; false where none does. */
  tell(kind: string, id: string, fact: EventObject): boolean {
    const actor = this.find(kind, id);
    actor?.tell(fact);
    return actor !== undefined;
  }

  /** Takes nothing new from now on; actors that run go on. */
  refuseStarts(): void {
    this.#draining = true;
  }

  /** Takes what is new again, but keeps it waiting while `opening`: whoever had a place before comes first. */
  takeStarts(opening: Promise<void>): void {
    this.#draining = false;
    const opened = opening.finally(() => {
      if (this.#opening === opened) this.#opening = undefined;
    });
    opened.catch(() => undefined); // whoever waits hears of it
    this.#opening = opened;
  }

  /** Stops the flow of mail. What is unread stays in the mailboxes. */
  close(): void {
    this.#mailRoom.close();
    this.#purger.close();
  }

  #known(kind: string): { definition: MachineDefinition; supervisor: Supervisor } {
    const known = this.#definitions.get(kind);
    if (known) return known;
    throw new AnswerError(
      'not-found',
      `this agent runs no actors of kind ${kind}`,
      `it runs: ${this.kinds.join(', ')}`,
    );
  }

  async #launch(
    kind: string,
    id: string,
    begin: (onExit: (exit: Exit) => void) => Promise<DurableActor | undefined>,
    isNew = false,
  ): Promise<DurableActor | undefined> {
    const key = keyOf({ kind, id });
    const already = this.#starting.get(key);
    if (already) return await already;
    const { definition, supervisor } = this.#known(kind);
    let next = begin;
    let last: DurableActor | undefined;
    const start = async (life: ChildLife): Promise<Child | undefined> => {
      const run = next;
      // Invariant 2: whatever starts it again starts from the record.
      next = onExit => this.#restore(kind, id, last, supervisor, onExit);
      const held = this.#mailRoom.hold(key);
      let actor: DurableActor | undefined;
      try {
        actor = await run(exit => this.#left(key, exit, life));
      } finally {
        if (!actor) this.#mailRoom.handOver(held, undefined);
      }
      if (!actor) return undefined;
      last = actor;
      this.#running.set(key, actor);
      actor.watch(() => this.#purger.note(actor.record));
      actor.start();
      const isCreated = isNew && run === begin;
      if (isCreated) this.#mailRoom.handOver(held, actor);
      else void this.#mailRoom.catchUp(held, actor);
      // Also where its record is this incarnation's own: the agent was drained, and goes on.
      if (definition.returnedEvent && !isCreated) tellIfTaken(actor, { type: definition.returnedEvent });
      return { drain: deadline => this.#drainOne(actor, deadline) };
    };
    const launched = supervisor.add({ id: key, restart: 'transient', start }).then(() => this.#running.get(key));
    this.#starting.set(key, launched);
    try {
      return await launched;
    } finally {
      this.#starting.delete(key);
    }
  }

  async #adopt(
    stored: StoredRecord,
    onExit: (exit: Exit) => void,
    event?: EventObject,
  ): Promise<DurableActor | undefined> {
    const { definition } = this.#known(stored.record.kind);
    const adopted = await adoptDurable(this.host, definition, stored, onExit, event);
    return 'actor' in adopted ? adopted.actor : undefined;
  }

  /** Starts from the record what `last` was, unless the record is another's by now. */
  async #restore(
    kind: string,
    id: string,
    last: DurableActor | undefined,
    supervisor: Supervisor,
    onExit: (exit: Exit) => void,
  ): Promise<DurableActor | undefined> {
    if (last) await settle(last, this.#options.settleMs ?? settleMsDefault, this.host);
    const stored = await this.#readPatiently(kind, id, supervisor);
    if (!stored || stored.record.final) return undefined;
    if (stored.record.owner?.incarnation === this.host.owner.incarnation) return await this.#adopt(stored, onExit);
    this.#fenced(kind, id, stored);
    return undefined;
  }

  /** That NATS is away is no crash of the actor: it is waited for, as long as its supervisor would start it. */
  async #readPatiently(kind: string, id: string, supervisor: Supervisor): Promise<StoredRecord | undefined> {
    const { store, clock } = this.host;
    for (;;) {
      try {
        return await store.read(kind, id);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        await new Promise<void>(resolve => void clock.alarm(clock.now() + readAgainMs, resolve));
        if (!supervisor.isOpen) return undefined;
      }
    }
  }

  #left(key: string, exit: Exit, life: ChildLife): void {
    const actor = this.#running.get(key);
    this.#running.delete(key);
    const at = timeText(this.host.clock.now());
    if (actor && exit.how === 'crash') {
      const { message, stack = null } = errorOf(exit.error);
      const { kind, id, record } = actor;
      this.host.observe({ fact: 'actor.crashed', kind, id, state: record.state, message, stack, at });
    }
    if (actor && exit.how === 'fenced') this.#fenced(actor.kind, actor.id, exit.by);
    if (actor && exit.how === 'normal') this.#mailRoom.bury(actor.unreadMail);
    if (exit.how === 'crash') life.exited({ exit: 'crash', error: exit.error });
    else life.exited({ exit: exit.how === 'normal' ? 'normal' : 'shutdown' });
  }

  #fenced(kind: string, id: string, by: StoredRecord): void {
    const { owner } = by.record;
    const at = timeText(this.host.clock.now());
    this.host.observe({ fact: 'actor.fenced', kind, id, by: owner?.agent ?? null, epoch: owner?.epoch ?? 0, at });
    this.#options.onFenced?.(kind, id);
  }

  #defect(where: string, error: unknown): void {
    this.host.observe(defectOf(where, error, timeText(this.host.clock.now())));
  }

  async #drainOne(actor: DurableActor, deadline: number): Promise<Unstopped[]> {
    const unstopped = await drainActor(actor, deadline, this.host);
    if (this.#running.get(actor.key) === actor) this.#running.delete(actor.key);
    return unstopped;
  }
}

function refuseOddId(id: string): void {
  if (!isId(id)) throw new AnswerError('invalid', `"${id}" is not an id`, 'use 1 to 64 letters, digits, _ or -');
}
