/**
 * One durable actor as its agent runs it: the root of an XState system of its own, its newest record, its inbox, and one
 * alarm for the nearest deadline that has not rung.
 */
import type { Actor, AnyMachineSnapshot, EventObject } from 'xstate';
import { failpoint } from '../core/failpoint.ts';
import { FailureError } from '../core/failure.ts';
import { DeadlineAlarm } from './deadline-alarm.ts';
import type { MachineDefinition } from './definition.ts';
import { canTake, DurableLogic, mailEvent, type Step } from './durable.ts';
import { effectsSettled, unsettledNames } from './effect.ts';
import type { Host } from './host.ts';
import { Inbox, type InboxOptions, type MailEnvelope } from './inbox.ts';
import type { Mail } from './mailboxes.ts';
import { Overtaken } from './overtaken.ts';
import { type ActorRecord, keyOf, type Owner } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { recordOf, type Standing } from './step-record.ts';

/** How an actor left its agent by itself. */
export type Exit =
  | { how: 'normal'; record: ActorRecord }
  | { how: 'crash'; error: unknown }
  /** Another owner's record came first. */
  | { how: 'fenced'; by: StoredRecord };

export type OnExit = (exit: Exit) => void;

const none: readonly (() => void)[] = [];

export class DurableActor {
  readonly definition: MachineDefinition;
  readonly kind: string;
  readonly id: string;
  readonly key: string;
  readonly #host: Host;
  readonly #owner: Owner;
  readonly #onExit: OnExit;
  readonly #logic: DurableLogic;
  readonly #root: Actor<DurableLogic>;
  readonly #inboxOptions: InboxOptions;
  /** Opened for the first message: most actors wait long for one. */
  #inbox: Inbox | undefined;
  readonly #alarm: DeadlineAlarm;
  #watchers: readonly (() => void)[] = none;
  /** Made for the first write that a stop may have to cut short: most actors that wait never need it. */
  #stopped: AbortController | undefined;
  #standing: Standing;
  #writing: Promise<unknown> = Promise.resolve();
  #over = false;

  /** Nothing of it runs, and it stands nowhere, before `stand` and `start`: src/runtime/first-records.ts does both. */
  constructor(
    host: Host,
    definition: MachineDefinition,
    id: string,
    owner: Owner,
    onExit: OnExit,
    rootOf: (logic: DurableLogic) => Actor<DurableLogic>,
    inbox: InboxOptions,
  ) {
    this.definition = definition;
    this.kind = definition.kind;
    this.id = id;
    this.key = keyOf(this);
    this.#host = host;
    this.#owner = owner;
    this.#onExit = onExit;
    this.#standing = undefined as never; // `stand` comes before anybody asks
    this.#logic = new DurableLogic(definition.machine, {
      stamp: event => this.#stamp(event),
      write: step => this.#write(step),
      committed: step => this.#committed(step),
      rejected: (cause, step) => this.#rejected(cause, step),
    });
    this.#root = rootOf(this.#logic);
    const tell = (name: string) => this.#root.send({ type: 'deadline.passed', name } as EventObject);
    this.#alarm = new DeadlineAlarm(host.clock, () => this.#standing.deadlines, tell);
    this.#inboxOptions = inbox;
  }

  /** The newest durable record. */
  get record(): ActorRecord {
    return this.#standing.record;
  }

  get revision(): number {
    return this.#standing.revision;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#root.getSnapshot();
  }

  /** The effects that still run; after `stop`, what did not stop. */
  get unsettledEffects(): string[] {
    return unsettledNames(this.#root.system);
  }

  /** True while a step of it is being written. */
  get isBusy(): boolean {
    return this.#logic.busy;
  }

  /** True once it left or was stopped. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Mail that it was handed and did not come to. */
  get unreadMail(): readonly Mail[] {
    return this.#inbox?.unread ?? [];
  }

  /** Its first record here is durable; one that is `told` is of a step that nobody heard of yet. */
  stand(standing: Standing, told: boolean): void {
    this.#standing = standing;
    if (told) this.#observe();
  }

  /** Runs the effects of its state, and takes mail from here on. */
  start(): void {
    this.#root.subscribe({
      complete: () => {
        if (this.#root.getSnapshot().status === 'done') this.#exit({ how: 'normal', record: this.record });
      },
      error: error => this.#exit({ how: 'crash', error }),
    });
    this.#root.start();
    this.#alarm.arm();
  }

  deliver(mail: Mail): void {
    if (!this.#over) this.#openInbox().deliver(mail);
  }

  /** Sends it a fact of the runtime's, or of whoever binds it; never a command from outside. */
  tell<Told extends EventObject>(fact: Told): void {
    this.#root.send(fact);
  }

  /** Would its state take this event now, its guards included? */
  takes<Asked extends EventObject>(event: Asked): boolean {
    const stamped = { ...event, at: this.#host.clock.now() };
    return canTake(this.snapshot, stamped);
  }

  /** Calls `see` after each step, and when it stops, until the returned function is called. */
  watch(see: () => void): () => void {
    this.#watchers = [...this.#watchers, see];
    return () => {
      this.#watchers = this.#watchers.filter(each => each !== see);
    };
  }

  /**
   * Stops running it; its state stays as its record says. Resolves when its last write is decided and its effects have
   * settled, or when `signal` is aborted: `unsettledEffects` then says what is left.
   */
  async stop(signal: AbortSignal): Promise<void> {
    this.#over = true;
    this.#halt();
    const settled = Promise.all([this.#writing, effectsSettled(this.#root.system)]);
    await Promise.race([settled, abortOf(signal)]);
    this.#stopped?.abort(new Error(`${this.key} was stopped`));
  }

  /** Resolves when its effects have settled, or `signal` is aborted: whoever starts it again waits for that. */
  async settled(signal: AbortSignal): Promise<void> {
    await Promise.race([effectsSettled(this.#root.system), abortOf(signal)]);
  }

  /** Another owner was found by other means than a write of its own: it stops at once. */
  fence(by: StoredRecord): void {
    this.#exit({ how: 'fenced', by });
  }

  #openInbox(): Inbox {
    if (this.#inbox) return this.#inbox;
    const propose = (envelope: MailEnvelope) => this.#root.send({ type: mailEvent, envelope } as EventObject);
    const port = { host: this.#host, definition: this.definition, record: () => this.record, propose };
    this.#inbox = new Inbox(port, this.#inboxOptions);
    return this.#inbox;
  }

  #exit(exit: Exit): void {
    if (this.#over) return;
    this.#over = true;
    this.#halt();
    this.#onExit(exit);
  }

  #halt(): void {
    this.#alarm.disarm();
    this.#root.stop();
    this.#inbox?.close();
    for (const see of this.#watchers) see();
  }

  #stamp(event: EventObject): EventObject | undefined {
    const at = this.#host.clock.now();
    const deadline = deadlineOf(event);
    if (deadline === undefined) return { ...event, at } as EventObject;
    const due = this.#standing.deadlines[deadline];
    return due !== undefined && due <= at ? ({ ...event, at } as EventObject) : undefined;
  }

  #write(step: Step): Promise<void> {
    failpoint('actor.proposed');
    const mail = step.envelope ? (step.envelope as MailEnvelope).place : (this.#inbox ?? this.#inboxOptions).place;
    const { at } = step.event as EventObject & { at: number };
    const facts = { at, owner: this.#owner, n: this.#host.nextWrite(), mail, random: this.#host.random };
    const before = { standing: this.#standing, snapshot: step.previous };
    const writing = async () => {
      const { record, deadlines } = recordOf(this.definition, this.id, step.next, step.event, facts, before);
      this.#stopped ??= new AbortController();
      const written = await this.#host.store.append(record, { signal: this.#stopped.signal });
      if (written.outcome === 'superseded') throw new Overtaken(this.key, written.by);
      this.#standing = { record, revision: written.revision, deadlines };
      failpoint('actor.written');
    };
    const written = writing();
    this.#writing = written.catch(() => undefined);
    return written;
  }

  #rejected(cause: unknown, step: Step): void {
    const overtaken = cause instanceof Overtaken;
    // A record that cannot be written is the doing of the message; a store that fails is not.
    const isItsDoing = cause instanceof FailureError && !this.#over;
    step.envelope?.settle({ outcome: isItsDoing ? 'crashed' : 'late' });
    this.#exit(overtaken ? { how: 'fenced', by: cause.by } : { how: 'crash', error: cause });
  }

  #committed(step: Step): void {
    this.#alarm.stepped(deadlineOf(step.event));
    this.#observe();
    if (step.next.status === 'active') this.#alarm.arm();
    else this.#alarm.disarm();
    for (const see of this.#watchers) see();
  }

  #observe(): void {
    const { kind, id, from, state, event, reason, note, final, at } = this.record;
    const { agent } = this.#owner;
    this.#host.observe({ fact: 'actor.transition', kind, id, from, state, event, reason, note, final, agent, at });
  }
}

/** The deadline that an event tells of. */
function deadlineOf(event: EventObject): string | undefined {
  return event.type === 'deadline.passed' ? (event as EventObject & { name: string }).name : undefined;
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
