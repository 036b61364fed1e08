/**
 * The runtime of one agent: it runs durable actors of any machine that it was told of, each under a supervisor.
 *
 * 1. A key is run at most once here; a start that meets another waits for it.
 * 2. An actor that crashed is restored from its record, not from the memory that crashed.
 * 3. Draining takes nothing new, and ends with a report of what did not stop.
 */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import { AnswerError } from '../core/answer-error.ts';
import { isId } from '../core/ids.ts';
import type { StateMeta } from '../core/machine-spec.ts';
import type { MachineDefinition } from './definition.ts';
import { DurableActor, type Exit } from './durable-actor.ts';
import type { Host } from './host.ts';
import { MailPurger } from './mail-purger.ts';
import { MailRoom } from './mail-room.ts';
import { type ActorRecord, keyOf } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { timeText } from './step-record.ts';
import type { Child, ChildExit, Supervisor, Unstopped } from './supervisor.ts';

export interface StartOptions {
  input: object;
  note?: string | undefined;
  requestId?: string | undefined;
}

/** How many records are taken over at once. */
const adoptionsAtOnce = 256;

export interface RuntimeOptions {
  /** Told when another owner was found for an actor that ran here: what it left running must be stopped. */
  onFenced?: (kind: string, id: string) => void;
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

  constructor(host: Host, options: RuntimeOptions = {}) {
    this.host = host;
    this.#options = options;
    this.#purger = new MailPurger(host.mailboxes, host.clock, error => this.#defect('purge of read mail', error));
    this.#mailRoom = new MailRoom({ host, find: key => this.#running.get(key) ?? this.#starting.get(key) });
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

  /** Takes over every record that is not final, of a kind that it knows, and that `isOurs`. Resolves with how many run. */
  async adoptAll(isOurs: (record: ActorRecord) => boolean): Promise<number> {
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
    let batch: Promise<void>[] = [];
    for await (const stored of this.host.store.list()) {
      const { record } = stored;
      if (record.final || !this.#definitions.has(record.kind) || !isOurs(record)) continue;
      batch.push(adoptOne(stored));
      if (batch.length < adoptionsAtOnce) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    return adopted;
  }

  /** Lets mail flow. Whoever was adopted before gets what its mailbox holds. */
  async openMail(): Promise<void> {
    await this.#mailRoom.open();
  }

  /** Takes one record over, with the mail that waits for it. Undefined where somebody else was quicker. */
  async adopt(stored: StoredRecord): Promise<DurableActor | undefined> {
    const { kind, id } = stored.record;
    const actor = await this.#launch(kind, id, onExit => this.#adopt(stored, onExit));
    if (actor) await this.#mailRoom.catchUp(actor);
    return actor;
  }

  /**
   * Starts an actor; when this resolves its first record is durable and it runs. Where the id is taken, `created` is
   * false and the record is that of the one that has it. Rejects with an AnswerError while draining, or for a bad id or kind.
   */
  async start(kind: string, id: string, options: StartOptions): Promise<{ created: boolean; record: ActorRecord }> {
    const { definition } = this.#known(kind);
    if (!isId(id)) throw new AnswerError('invalid', `"${id}" is not an id`, 'use 1 to 64 letters, digits, _ or -');
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
    await this.#launch(kind, id, async onExit => {
      const begun = await DurableActor.create(
        this.host,
        definition,
        id,
        { ...options, mail: this.#mailRoom.newest },
        onExit,
      );
      if ('taken' in begun) taken = begun.taken.record;
      else first = begun.actor.record;
      return 'actor' in begun ? begun.actor : undefined;
    });
    const record = first ?? taken ?? this.#running.get(keyOf({ kind, id }))?.record;
    if (!record)
      throw new AnswerError('internal', `${kind} ${id} could not be started`, 'look at the log of the agent');
    return { created: first !== undefined, record };
  }

  /** Sends a fact to an actor that runs here; false where none does. */
  tell(kind: string, id: string, fact: EventObject): boolean {
    const actor = this.find(kind, id);
    actor?.tell(fact);
    return actor !== undefined;
  }

  /** Takes nothing new from now on; actors that run go on. */
  refuseStarts(refuse = true): void {
    this.#draining = refuse;
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
  ): Promise<DurableActor | undefined> {
    const key = keyOf({ kind, id });
    const already = this.#starting.get(key);
    if (already) return await already;
    const { definition, supervisor } = this.#known(kind);
    let next = begin;
    const start = async (exited: (exit: ChildExit) => void): Promise<Child | undefined> => {
      const run = next;
      next = onExit => this.#restore(kind, id, onExit); // invariant 2: whatever starts it again starts from the record
      const actor = await run(exit => this.#left(key, exit, exited));
      if (!actor) return undefined;
      this.#running.set(key, actor);
      actor.watch(() => this.#purger.note(actor.record));
      actor.start();
      if (definition.returnedEvent && actor.record.event === 'actor.adopted')
        tellIfTaken(actor, { type: definition.returnedEvent });
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

  async #adopt(stored: StoredRecord, onExit: (exit: Exit) => void): Promise<DurableActor | undefined> {
    const { definition } = this.#known(stored.record.kind);
    const adopted = await DurableActor.adopt(this.host, definition, stored, onExit);
    return 'actor' in adopted ? adopted.actor : undefined;
  }

  async #restore(kind: string, id: string, onExit: (exit: Exit) => void): Promise<DurableActor | undefined> {
    const stored = await this.host.store.read(kind, id);
    if (!stored || stored.record.final) return undefined;
    const actor = await this.#adopt(stored, onExit);
    if (actor) setImmediate(() => void this.#mailRoom.catchUp(actor));
    return actor;
  }

  #left(key: string, exit: Exit, exited: (exit: ChildExit) => void): void {
    const actor = this.#running.get(key);
    this.#running.delete(key);
    const at = timeText(this.host.clock.now());
    if (actor && exit.how === 'crash') {
      const { message, stack = null } = exit.error instanceof Error ? exit.error : new Error(String(exit.error));
      const { kind, id, record } = actor;
      this.host.observe({ fact: 'actor.crashed', kind, id, state: record.state, message, stack, at });
    }
    if (actor && exit.how === 'fenced') {
      const { kind, id } = actor;
      const { owner } = exit.by.record;
      this.host.observe({ fact: 'actor.fenced', kind, id, by: owner?.agent ?? null, epoch: owner?.epoch ?? 0, at });
    }
    if (actor && exit.how === 'fenced') this.#options.onFenced?.(actor.kind, actor.id);
    if (exit.how === 'crash') exited({ exit: 'crash', error: exit.error });
    else exited({ exit: exit.how === 'normal' ? 'normal' : 'shutdown' });
  }

  #defect(where: string, error: unknown): void {
    const { message, stack = null } = error instanceof Error ? error : new Error(String(error));
    this.host.observe({ fact: 'defect', where, message, stack, at: timeText(this.host.clock.now()) });
  }

  async #drainOne(actor: DurableActor, deadline: number): Promise<Unstopped[]> {
    const { drainEvent } = actor.definition;
    const forMs = Math.max(0, deadline - this.host.clock.now());
    if (drainEvent) {
      tellIfTaken(actor, { type: drainEvent, deadline } as EventObject);
      await actor.rested(isAtRest, AbortSignal.timeout(Math.ceil(forMs)));
    }
    const rested = !drainEvent || isAtRest(actor.snapshot);
    await actor.stop(AbortSignal.timeout(Math.ceil(Math.max(500, deadline - this.host.clock.now()))));
    this.#running.delete(actor.key);
    const { kind, id, unsettledEffects } = actor;
    if (rested && unsettledEffects === 0) return [];
    const why = unsettledEffects > 0 ? `${unsettledEffects} effects did not stop` : `still ${actor.record.state}`;
    return [{ kind, id, why }];
  }
}

function tellIfTaken(actor: DurableActor, fact: EventObject): void {
  if (actor.takes(fact)) actor.tell(fact);
}

/** Nothing is under way that the end of this process would tear: no effect, or only such as may be cut off. */
export function isAtRest(snapshot: AnyMachineSnapshot): boolean {
  if (snapshot.status !== 'active') return true;
  return snapshot._nodes.every(
    node => node.invoke.length === 0 || (node.meta as StateMeta | undefined)?.abortable === true,
  );
}
