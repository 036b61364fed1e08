/**
 * The runtime of one agent: it runs durable actors of any machine that it was told of, each under a supervisor. While it
 * drains it starts nothing new.
 */
import type { EventObject } from 'xstate';
import { AnswerError } from '../core/answer-error.ts';
import { defectOf } from '../core/defect.ts';
import { Gate } from '../core/gate.ts';
import { isId } from '../core/ids.ts';
import { timeText } from '../core/time-text.ts';
import type { MachineDefinition } from './definition.ts';
import type { DurableActor, OnExit } from './durable-actor.ts';
import { createDurable, createForOther } from './first-records.ts';
import type { Host } from './host.ts';
import { type ActorRecord, keyOf } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { type Kind, RunningActors, type RunningActorsOptions } from './running-actors.ts';
import type { Supervisor } from './supervisor.ts';

export interface StartOptions {
  input: object;
  note?: string | undefined;
  requestId?: string | undefined;
}

/** How many records are taken over at once. */
const adoptionsAtOnce = 256;

export class Runtime {
  readonly host: Host;
  readonly #kinds = new Map<string, Kind>();
  readonly #running: RunningActors;
  #draining = false;
  #opening: Promise<void> | undefined;

  constructor(host: Host, options: RunningActorsOptions = {}) {
    this.host = host;
    this.#running = new RunningActors(host, options);
  }

  /** Tells it of a kind, whose actors will be children of `supervisor`. Again: those that start from now on. */
  define(definition: MachineDefinition, supervisor: Supervisor): void {
    this.#kinds.set(definition.kind, { definition, supervisor });
  }

  definition(kind: string): MachineDefinition | undefined {
    return this.#kinds.get(kind)?.definition;
  }

  get kinds(): string[] {
    return [...this.#kinds.keys()];
  }

  /** The actors that run here. */
  get actors(): Iterable<DurableActor> {
    return this.#running.all;
  }

  /** The actor of a key, where it runs here. */
  find(kind: string, id: string): DurableActor | undefined {
    return this.#running.find(keyOf({ kind, id }));
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
        if (await this.adopt(stored)) adopted += 1;
      } catch (error) {
        this.host.observe(defectOf(`adoption of ${kind} ${id}`, error, timeText(this.host.clock.now())));
      }
    };
    const gate = new Gate(adoptionsAtOnce);
    const underWay = new Set<Promise<void>>();
    for await (const stored of records) {
      const { record } = stored;
      if (record.final || !this.#kinds.has(record.kind) || !isOurs(record)) continue;
      await gate.enter();
      const adoption = adoptOne(stored).then(() => {
        underWay.delete(adoption);
        gate.leave();
      });
      underWay.add(adoption);
    }
    await Promise.all(underWay);
    return adopted;
  }

  /** Lets mail flow. Whoever was adopted before gets what its mailbox holds. May be called twice. */
  async openMail(): Promise<void> {
    await this.#running.mailRoom.open();
  }

  /**
   * Takes one record over, with `event` as the step that the event leads to; the mail that waits for it follows. Undefined
   * where somebody else was quicker.
   */
  async adopt(stored: StoredRecord, event?: EventObject): Promise<DurableActor | undefined> {
    return await this.#running.adopt(this.#known(stored.record.kind), stored, event);
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
    const there = this.find(kind, id);
    if (there) return { created: false, record: there.record };
    let taken: ActorRecord | undefined;
    let first: ActorRecord | undefined;
    const create = async (onExit: OnExit) => {
      const said = { ...options, mail: this.#running.mailRoom.newest };
      const begun = await createDurable(this.host, definition, id, said, onExit);
      if ('taken' in begun) taken = begun.taken.record;
      else first = begun.actor.record;
      return 'actor' in begun ? begun.actor : undefined;
    };
    // Asked for only now: what it waited for may have given the kind another supervisor.
    await this.#running.launch(this.#known(kind), id, create, true);
    const record = first ?? taken ?? this.find(kind, id)?.record;
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
    return await createForOther(this.host, definition, id, { ...options, mail: this.#running.mailRoom.newest });
  }

  /** Sends a fact to an actor that runs here; false where none does. */
  tell<Told extends EventObject>(kind: string, id: string, fact: Told): boolean {
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
    this.#running.close();
  }

  #known(kind: string): Kind {
    const known = this.#kinds.get(kind);
    if (known) return known;
    throw new AnswerError(
      'not-found',
      `this agent runs no actors of kind ${kind}`,
      `it runs: ${this.kinds.join(', ')}`,
    );
  }
}

function refuseOddId(id: string): void {
  if (!isId(id)) throw new AnswerError('invalid', `"${id}" is not an id`, 'use 1 to 64 letters, digits, _ or -');
}
