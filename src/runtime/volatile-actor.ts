/**
 * A supervised actor that lives in memory: any XState machine, its deadlines as data like a durable one's, and nothing
 * stored. After a crash it starts anew from its input. Tens of thousands of them stand in one process, so one object is
 * the logic that wraps the machine and sees its states, the observer of its end, and the alarm for its deadlines.
 */
import {
  type Actor,
  type ActorLogic,
  type ActorScope,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type Snapshot,
} from 'xstate';
import type { RestartType } from '../../machines/supervisor.ts';
import { Alarm, type Clock } from '../core/clock.ts';
import { type Deadlines, deadlinesOf, nearestOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { effectsSettled, unsettledEffects } from './effect.ts';
import type { Child, ChildLife, ChildSpec, Unstopped } from './supervisor.ts';

/** How a volatile actor left by itself: what its supervisor is told. */
export type VolatileExit = { exit: 'normal'; output: unknown } | { exit: 'crash'; error: unknown };

/** What the volatile actors of one kind share. */
export interface VolatileKind {
  definition: MachineDefinition;
  /** What becomes of one that left, as a child of a supervisor. */
  restart: RestartType;
  clock: Clock;
  /** A number in [0, 1), for jitter. */
  random: () => number;
}

interface VolatileLife {
  exited(exit: VolatileExit): void;
}

/** What XState sends to an actor to stop it. */
const stopEvent = { type: 'xstate.stop' };
const none: Deadlines = Object.freeze({});
/** The time of a deadline that was told: it stays over until its state is left. */
const rung = Number.POSITIVE_INFINITY;

type Scope = ActorScope<AnyMachineSnapshot, EventObject, AnyActorRef['system']>;
type Logic = ActorLogic<AnyMachineSnapshot, EventObject, unknown>;

export class VolatileActor extends Alarm implements Logic, Child {
  readonly root: Actor<Logic>;
  readonly #kind: VolatileKind;
  #life: VolatileLife | undefined;
  #seen: AnyMachineSnapshot | undefined;
  #deadlines: Deadlines = none;

  constructor(kind: VolatileKind, input: unknown, id?: string) {
    super();
    this.#kind = kind;
    this.root = createActor<Logic>(this, id === undefined ? { input } : { input, id });
  }

  /** Starts it; its life is told once, when it leaves by itself. */
  begin(life: VolatileLife): void {
    this.#life = life;
    this.root.subscribe(this);
    this.root.start();
  }

  /** Resolves when its effects have settled. */
  async stop(): Promise<void> {
    this.#disarm();
    this.root.stop();
    await effectsSettled(this.root.system);
  }

  /** Stops it as its supervisor does: by `deadline`, with a report of the effects that have not settled then. */
  async drain(deadline: number): Promise<Unstopped[]> {
    const settled = this.stop();
    if (unsettledEffects(this.root.system) === 0) return [];
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const takeAlarmBack = this.#kind.clock.alarm(deadline, resolve);
    await Promise.race([settled, over]);
    takeAlarmBack();
    const left = unsettledEffects(this.root.system);
    return left === 0
      ? []
      : [{ kind: this.#kind.definition.kind, id: this.root.id, why: `${left} effects did not stop` }];
  }

  /** For XState, whose logic it is, like the three after it. */
  getInitialSnapshot(scope: Scope, input: unknown): AnyMachineSnapshot {
    return this.#machine.getInitialSnapshot(scope, input as never) as AnyMachineSnapshot;
  }

  start(snapshot: AnyMachineSnapshot): void {
    this.#machine.start(snapshot as never);
    this.#follow(snapshot);
  }

  transition(snapshot: AnyMachineSnapshot, event: EventObject, scope: Scope): AnyMachineSnapshot {
    const next = this.#machine.transition(snapshot, event, scope) as AnyMachineSnapshot;
    if (next.value !== snapshot.value && next.status === 'active') this.#follow(next);
    return next;
  }

  getPersistedSnapshot(snapshot: AnyMachineSnapshot): Snapshot<unknown> {
    return this.#machine.getPersistedSnapshot(snapshot as never) as Snapshot<unknown>;
  }

  /** For XState: the actor is done, or was stopped. */
  complete(): void {
    const { status, output } = this.root.getSnapshot();
    if (status !== 'done') return;
    this.#disarm();
    this.#life?.exited({ exit: 'normal', output });
  }

  /** For XState: the actor threw. */
  error(error: unknown): void {
    this.#disarm();
    // XState alone leaves what a root that threw had invoked running, its signal never aborted (statelyai/xstate#5153).
    const children = Object.values(this.root.getSnapshot().children ?? {}) as (AnyActorRef | undefined)[];
    for (const child of children) child?.send(stopEvent);
    this.#life?.exited({ exit: 'crash', error });
  }

  get #machine(): AnyStateMachine {
    return this.#kind.definition.machine;
  }

  #follow(snapshot: AnyMachineSnapshot): void {
    const { definition } = this.#kind;
    if (!definition.deadlineMs && !definition.deadlineAt) return;
    const previous = this.#seen && { snapshot: this.#seen, deadlines: this.#deadlines };
    this.#deadlines = deadlinesOf(definition, snapshot, this.#kind.clock.now(), this.#kind.random, previous);
    this.#seen = snapshot;
    this.#arm();
  }

  #arm(): void {
    const at = nearestOf(this.#deadlines);
    if (at === rung) this.#disarm();
    else this.#kind.clock.set(this, at);
  }

  /** For the clock. */
  ring(): void {
    const now = this.#kind.clock.now();
    for (const name in this.#deadlines) {
      const at = this.#deadlines[name];
      if (at === undefined || at > now) continue; // undefined: the one before it led to another state
      this.#deadlines = { ...this.#deadlines, [name]: rung };
      this.root.send({ type: 'deadline.passed', name, at: now } as EventObject);
    }
    if (this.root.getSnapshot().status === 'active') this.#arm();
  }

  #disarm(): void {
    this.#kind.clock.unset(this);
  }
}

/** A volatile actor as a child of a supervisor, which starts it anew from its input each time. */
export class VolatileChild implements ChildSpec {
  readonly id: string;
  readonly #kind: VolatileKind;
  readonly #input: unknown;

  constructor(kind: VolatileKind, id: string, input?: unknown) {
    this.id = id;
    this.#kind = kind;
    this.#input = input;
  }

  get restart(): RestartType {
    return this.#kind.restart;
  }

  start(life: ChildLife): Child {
    const actor = new VolatileActor(this.#kind, this.#input, this.id);
    actor.begin(life);
    return actor;
  }
}
