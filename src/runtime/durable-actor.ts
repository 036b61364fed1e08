/**
 * One durable actor as its agent runs it: the root of an XState system of its own, its newest record, its inbox, and one
 * alarm for the nearest deadline that has not rung.
 */
import { type Actor, type AnyMachineSnapshot, createActor, type EventObject } from 'xstate';
import { failpoint } from '../core/failpoint.ts';
import { type Deadlines, deadlinesOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { canTake, DurableLogic, mailEvent, type Step } from './durable.ts';
import { effectsSettled, unsettledEffects } from './effect.ts';
import type { Host } from './host.ts';
import { Inbox, type MailEnvelope } from './inbox.ts';
import type { Mail } from './mailboxes.ts';
import { type ActorRecord, keyOf, type MailPosition, type Owner } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { snapshotOf } from './snapshot-of.ts';
import { recordOf, type Standing, timesText, timeText } from './step-record.ts';

/** How an actor left its agent by itself. */
export type Exit =
  | { how: 'normal'; record: ActorRecord }
  | { how: 'crash'; error: unknown }
  /** Another owner's record came first. */
  | { how: 'fenced'; by: StoredRecord };

export interface CreateOptions {
  input: object;
  note?: string | undefined;
  requestId?: string | undefined;
  /** Where its mailbox begins: what lies before was meant for nobody. */
  mail: MailPosition;
}

type OnExit = (exit: Exit) => void;

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
  readonly #inbox: Inbox;
  readonly #rung = new Set<string>();
  readonly #watchers = new Set<() => void>();
  readonly #stopped = new AbortController();
  #standing: Standing;
  #writing: Promise<unknown> = Promise.resolve();
  #takeAlarmBack: () => void = () => undefined;
  #over = false;

  /**
   * Creates an actor: when this resolves its first record is durable, and nothing of it has run. `taken` says by which
   * record where the id is taken.
   */
  static async create(
    host: Host,
    definition: MachineDefinition,
    id: string,
    options: CreateOptions,
    onExit: OnExit,
  ): Promise<{ actor: DurableActor } | { taken: StoredRecord }> {
    const at = host.clock.now();
    const owner: Owner = { ...host.owner, epoch: 1 };
    const rootOf = (logic: DurableLogic) => createActor(logic, { input: { ...options.input, at }, id });
    const actor = new DurableActor(host, definition, id, owner, onExit, rootOf, options.mail);
    const first = actor.snapshot;
    if ((first.status as string) === 'error') throw first.error;
    const event = { type: 'actor.created', note: options.note, requestId: options.requestId };
    const facts = { at, owner, n: host.nextWrite(), mail: options.mail, random: host.random };
    const { record, deadlines } = recordOf(definition, id, first, event, facts);
    const written = await host.store.append(record);
    if (written.outcome === 'superseded') return { taken: written.by };
    actor.#standing = { record, revision: written.revision, deadlines };
    actor.#observe();
    return { actor };
  }

  /**
   * Takes a record over: when this resolves the claim is durable, and nothing of the actor has run. A record of this
   * incarnation needs no claim. `lost` says who was quicker. Throws where this machine cannot run the record.
   */
  static async adopt(
    host: Host,
    definition: MachineDefinition,
    stored: StoredRecord,
    onExit: OnExit,
  ): Promise<{ actor: DurableActor } | { lost: StoredRecord }> {
    const { record, revision } = stored;
    const mine = record.owner?.incarnation === host.owner.incarnation ? record.owner : undefined;
    const owner: Owner = mine ?? { ...host.owner, epoch: (record.owner?.epoch ?? 0) + 1 };
    const self = migrated(definition, record);
    const snapshot = snapshotOf(definition.machine, self);
    const rootOf = (logic: DurableLogic) => createActor(logic, { snapshot, id: record.id });
    const actor = new DurableActor(host, definition, record.id, owner, onExit, rootOf, record.mail);
    const deadlines = timesOf(record.deadlines);
    actor.#standing = { record, revision, deadlines };
    if (mine) return { actor };

    const now = host.clock.now();
    const previous = { snapshot: actor.snapshot, deadlines };
    const due = deadlinesOf(definition, actor.snapshot, now, host.random, previous);
    const claim: ActorRecord = {
      ...record,
      ...self,
      machine: { id: definition.machine.id, version: definition.version },
      from: record.state,
      event: 'actor.adopted',
      note: null,
      at: timeText(now),
      deadlines: timesText(due),
      owner,
      handTo: null,
      after: revision,
      write: { incarnation: owner.incarnation, n: host.nextWrite() },
    };
    const written = await host.store.append(claim);
    if (written.outcome === 'superseded') return { lost: written.by };
    actor.#standing = { record: claim, revision: written.revision, deadlines: due };
    actor.#observe();
    return { actor };
  }

  private constructor(
    host: Host,
    definition: MachineDefinition,
    id: string,
    owner: Owner,
    onExit: OnExit,
    rootOf: (logic: DurableLogic) => Actor<DurableLogic>,
    place: MailPosition,
  ) {
    this.definition = definition;
    this.kind = definition.kind;
    this.id = id;
    this.key = keyOf(this);
    this.#host = host;
    this.#owner = owner;
    this.#onExit = onExit;
    this.#standing = undefined as never; // set by `create` and `adopt` before either lets go of the actor
    this.#logic = new DurableLogic(definition.machine, {
      stamp: event => this.#stamp(event),
      write: step => this.#write(step),
      committed: step => this.#committed(step),
      rejected: (cause, step) => this.#rejected(cause, step),
    });
    this.#root = rootOf(this.#logic);
    const propose = (envelope: MailEnvelope) => this.#root.send({ type: mailEvent, envelope } as EventObject);
    this.#inbox = new Inbox({ host, definition, record: () => this.record, propose }, place);
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

  /** How many of its effects still run; after `stop`, what did not stop. */
  get unsettledEffects(): number {
    return unsettledEffects(this.#root.system);
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
    this.#arm();
  }

  deliver(mail: Mail): void {
    this.#inbox.deliver(mail);
  }

  /** Sends it a fact of the runtime's, or of whoever binds it; never a command from outside. */
  tell(fact: EventObject): void {
    this.#root.send(fact);
  }

  /** Would its state take this event now, its guards included? */
  takes(event: EventObject): boolean {
    return canTake(this.snapshot, { ...event, at: this.#host.clock.now() } as EventObject);
  }

  /** Calls `see` after each step, and when it stops, until the returned function is called. */
  watch(see: () => void): () => void {
    this.#watchers.add(see);
    return () => {
      this.#watchers.delete(see);
    };
  }

  /** Resolves true once it is over or `isAtRest` holds with no step under way; false when `signal` is aborted first. */
  async rested(isAtRest: (snapshot: AnyMachineSnapshot) => boolean, signal: AbortSignal): Promise<boolean> {
    const isRested = () => this.#over || (!this.#logic.busy && isAtRest(this.snapshot));
    return await new Promise(resolve => {
      const done = (rested: boolean) => {
        unwatch();
        signal.removeEventListener('abort', onAbort);
        resolve(rested);
      };
      const onAbort = () => done(isRested());
      // A step is felt after its watchers were told, so look once that is through.
      const look = () => setImmediate(() => isRested() && done(true));
      const unwatch = this.watch(look);
      signal.addEventListener('abort', onAbort);
      if (isRested()) done(true);
      else if (signal.aborted) onAbort();
    });
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
    this.#stopped.abort(new Error(`${this.key} was stopped`));
  }

  /** Another owner was found by other means than a write of its own: it stops at once. */
  fence(by: StoredRecord): void {
    this.#exit({ how: 'fenced', by });
  }

  #exit(exit: Exit): void {
    if (this.#over) return;
    this.#over = true;
    this.#halt();
    this.#onExit(exit);
  }

  #halt(): void {
    this.#takeAlarmBack();
    this.#root.stop();
    this.#inbox.close();
    for (const see of this.#watchers) see();
  }

  #stamp(event: EventObject): EventObject | undefined {
    const at = this.#host.clock.now();
    if (event.type !== 'deadline.passed') return { ...event, at } as EventObject;
    const due = this.#standing.deadlines[(event as EventObject & { name: string }).name];
    return due !== undefined && due <= at ? ({ ...event, at } as EventObject) : undefined;
  }

  #write(step: Step): Promise<void> {
    failpoint('actor.proposed');
    const mail = step.envelope ? (step.envelope as MailEnvelope).place : this.#inbox.place;
    const { at } = step.event as EventObject & { at: number };
    const facts = { at, owner: this.#owner, n: this.#host.nextWrite(), mail, random: this.#host.random };
    const before = { standing: this.#standing, snapshot: step.previous };
    const writing = async () => {
      const { record, deadlines } = recordOf(this.definition, this.id, step.next, step.event, facts, before);
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
    step.envelope?.settle({ outcome: overtaken || this.#over ? 'late' : 'crashed' });
    this.#exit(overtaken ? { how: 'fenced', by: cause.by } : { how: 'crash', error: cause });
  }

  #committed(step: Step): void {
    this.#rung.clear();
    this.#observe();
    if (step.next.status === 'active') this.#arm();
    else this.#takeAlarmBack();
    for (const see of this.#watchers) see();
  }

  #observe(): void {
    const { kind, id, from, state, event, reason, note, final, at } = this.record;
    const { agent } = this.#owner;
    this.#host.observe({ fact: 'actor.transition', kind, id, from, state, event, reason, note, final, agent, at });
  }

  #arm(): void {
    this.#takeAlarmBack();
    let nearest = Number.POSITIVE_INFINITY;
    for (const [name, at] of Object.entries(this.#standing.deadlines))
      if (at < nearest && !this.#rung.has(name)) nearest = at;
    if (nearest !== Number.POSITIVE_INFINITY) this.#takeAlarmBack = this.#host.clock.alarm(nearest, () => this.#ring());
  }

  #ring(): void {
    const now = this.#host.clock.now();
    for (const [name, at] of Object.entries(this.#standing.deadlines)) {
      if (at > now || this.#rung.has(name)) continue;
      this.#rung.add(name);
      this.#root.send({ type: 'deadline.passed', name } as EventObject);
    }
    if (!this.#over) this.#arm();
  }
}

/** A write found that another owner's record is the effective one. */
class Overtaken extends Error {
  override readonly name = 'Overtaken';
  readonly by: StoredRecord;

  constructor(key: string, by: StoredRecord) {
    super(
      `${key} is run by another owner: ${by.record.owner?.agent ?? 'nobody'}, epoch ${by.record.owner?.epoch ?? 0}`,
    );
    this.by = by;
  }
}

function migrated(definition: MachineDefinition, record: ActorRecord): Pick<ActorRecord, 'state' | 'context'> {
  if (record.machine.version === definition.version) return { state: record.state, context: record.context };
  const self = definition.migrate?.(record);
  if (self) return self;
  const { id, version } = record.machine;
  throw new Error(
    `${keyOf(record)} is of version ${version} of ${id}, which this agent (version ${definition.version}) cannot migrate`,
  );
}

function timesOf(texts: Record<string, string>): Deadlines {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Date.parse(text)]));
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
