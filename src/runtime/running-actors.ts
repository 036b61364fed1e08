/**
 * The actors that run here, each a child of its kind's supervisor, from its start over its restarts to its exit.
 *
 * 1. A key is run at most once here; a start that meets another waits for it.
 * 2. An actor that crashed is restored from its record, not from the memory that crashed.
 */
import type { EventObject } from 'xstate';
import { isUnavailable } from '../core/answer-error.ts';
import { defectOf, errorOf } from '../core/defect.ts';
import { timeText } from '../core/time-text.ts';
import { drainActor, settle, tellIfTaken } from './actor-drain.ts';
import type { MachineDefinition } from './definition.ts';
import type { DurableActor, Exit, OnExit } from './durable-actor.ts';
import { adoptDurable } from './first-records.ts';
import type { Host } from './host.ts';
import { MailPurger } from './mail-purger.ts';
import { MailRoom } from './mail-room.ts';
import { keyOf } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import type { Child, ChildLife, Supervisor, Unstopped } from './supervisor.ts';

export interface RunningActorsOptions {
  /** Told when another owner was found for an actor that ran here: what it left running must be stopped. */
  onFenced?: (kind: string, id: string) => void;
  /** How long a restart waits for the effects of the life before to settle. Default 5000. */
  settleMs?: number;
}

/** What is known of a kind: its machine, and whose children its actors are. */
export interface Kind {
  definition: MachineDefinition;
  supervisor: Supervisor;
}

/** Makes an actor whose record is durable and of which nothing has run; undefined where there is nothing to run here. */
export type Begin = (onExit: OnExit) => Promise<DurableActor | undefined>;

const settleMsDefault = 5_000;
/** How long it waits before it reads a record again that NATS did not give. */
const readAgainMs = 1_000;

export class RunningActors {
  readonly mailRoom: MailRoom;
  readonly #host: Host;
  readonly #options: RunningActorsOptions;
  readonly #running = new Map<string, DurableActor>();
  readonly #starting = new Map<string, Promise<DurableActor | undefined>>();
  readonly #purger: MailPurger;

  constructor(host: Host, options: RunningActorsOptions) {
    this.#host = host;
    this.#options = options;
    this.#purger = new MailPurger(host.mailboxes, host.clock, error =>
      host.observe(defectOf('purge of read mail', error, this.#now())),
    );
    this.mailRoom = new MailRoom({
      host,
      find: key => this.#running.get(key),
      onDeadLetter: place => this.#purger.note(place),
    });
  }

  get all(): Iterable<DurableActor> {
    return this.#running.values();
  }

  find(key: string): DurableActor | undefined {
    return this.#running.get(key);
  }

  /**
   * Takes a record over and runs its actor, with `event` as the step that the event leads to. Undefined where somebody else
   * was quicker. Rejects where this machine cannot run the record.
   */
  async adopt(kind: Kind, stored: StoredRecord, event?: EventObject): Promise<DurableActor | undefined> {
    return await this.launch(kind, stored.record.id, onExit => this.#adopted(kind, stored, onExit, event));
  }

  /**
   * Runs the actor that `begin` makes, and restores it from its record where it crashes. One that `isNew` has no mail before
   * it. Undefined where nothing runs then; rejects as `begin` does.
   */
  async launch(kind: Kind, id: string, begin: Begin, isNew = false): Promise<DurableActor | undefined> {
    const { definition, supervisor } = kind;
    const key = keyOf({ kind: definition.kind, id });
    const already = this.#starting.get(key);
    if (already) return await already;
    let next = begin;
    let last: DurableActor | undefined;
    const start = async (life: ChildLife): Promise<Child | undefined> => {
      const run = next;
      next = onExit => this.#restored(kind, id, last, onExit); // invariant 2
      const held = this.mailRoom.hold(key);
      let actor: DurableActor | undefined;
      try {
        actor = await run(exit => this.#left(key, exit, life));
      } finally {
        if (!actor) this.mailRoom.handOver(held, undefined);
      }
      if (!actor) return undefined;
      last = actor;
      this.#running.set(key, actor);
      actor.watch(() => this.#purger.note(actor.record));
      actor.start();
      const isCreated = isNew && run === begin;
      if (isCreated) this.mailRoom.handOver(held, actor);
      else void this.mailRoom.catchUp(held, actor);
      // Also where its record is this incarnation's own: the agent was drained, and goes on.
      if (definition.returnedEvent && !isCreated) tellIfTaken(actor, { type: definition.returnedEvent });
      return { drain: deadline => this.#drain(actor, deadline) };
    };
    const launched = supervisor.add({ id: key, restart: 'transient', start }).then(() => this.#running.get(key));
    this.#starting.set(key, launched);
    try {
      return await launched;
    } finally {
      this.#starting.delete(key);
    }
  }

  /** Stops the flow of mail. What is unread stays in the mailboxes. */
  close(): void {
    this.mailRoom.close();
    this.#purger.close();
  }

  async #adopted(
    { definition }: Kind,
    stored: StoredRecord,
    onExit: OnExit,
    event?: EventObject,
  ): Promise<DurableActor | undefined> {
    const adopted = await adoptDurable(this.#host, definition, stored, onExit, event);
    return 'actor' in adopted ? adopted.actor : undefined;
  }

  /** From the record what `last` was, unless the record is another's by now. */
  async #restored(
    kind: Kind,
    id: string,
    last: DurableActor | undefined,
    onExit: OnExit,
  ): Promise<DurableActor | undefined> {
    if (last) await settle(last, this.#options.settleMs ?? settleMsDefault, this.#host);
    const stored = await this.#readPatiently(kind, id);
    if (!stored || stored.record.final) return undefined;
    if (stored.record.owner?.incarnation === this.#host.owner.incarnation)
      return await this.#adopted(kind, stored, onExit);
    this.#fenced(kind.definition.kind, id, stored);
    return undefined;
  }

  /** That NATS is away is no crash of the actor: it is waited for, as long as its supervisor would start it. */
  async #readPatiently({ definition, supervisor }: Kind, id: string): Promise<StoredRecord | undefined> {
    const { store, clock } = this.#host;
    for (;;) {
      try {
        return await store.read(definition.kind, id);
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
    if (actor && exit.how === 'crash') {
      const { message, stack = null } = errorOf(exit.error);
      const { kind, id, record } = actor;
      const { state } = record;
      this.#host.observe({ fact: 'actor.crashed', kind, id, state, message, stack, at: this.#now() });
    }
    if (actor && exit.how === 'fenced') this.#fenced(actor.kind, actor.id, exit.by);
    if (actor && exit.how === 'normal') this.mailRoom.bury(actor.unreadMail);
    if (exit.how === 'crash') life.exited({ exit: 'crash', error: exit.error });
    else life.exited({ exit: exit.how === 'normal' ? 'normal' : 'shutdown' });
  }

  #fenced(kind: string, id: string, by: StoredRecord): void {
    const { agent = null, epoch = 0 } = by.record.owner ?? {};
    this.#host.observe({ fact: 'actor.fenced', kind, id, by: agent, epoch, at: this.#now() });
    this.#options.onFenced?.(kind, id);
  }

  async #drain(actor: DurableActor, deadline: number): Promise<Unstopped[]> {
    const unstopped = await drainActor(actor, deadline, this.#host);
    if (this.#running.get(actor.key) === actor) this.#running.delete(actor.key);
    return unstopped;
  }

  #now(): string {
    return timeText(this.#host.clock.now());
  }
}
