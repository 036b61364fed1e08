/**
 * A supervised actor that lives in memory: any XState machine, its deadlines as data like a durable one's, and nothing
 * stored. After a crash it starts anew from its input. Tens of thousands of them stand in one process, so it observes its
 * root itself and keeps one closure, the alarm's.
 */
import {
  type Actor,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type Observer,
} from 'xstate';
import type { RestartType } from '../../machines/supervisor.ts';
import type { Clock } from '../core/clock.ts';
import { type Deadlines, deadlinesOf, nearestOf } from './deadlines.ts';
import type { MachineDefinition } from './definition.ts';
import { effectsSettled, unsettledEffects } from './effect.ts';
import type { Child, ChildExit, ChildSpec, Unstopped } from './supervisor.ts';

/** How a volatile actor left by itself: what its supervisor is told. */
export type VolatileExit = { exit: 'normal'; output: unknown } | { exit: 'crash'; error: unknown };

/** What XState sends to an actor to stop it. */
const stopEvent = { type: 'xstate.stop' };
const none: Deadlines = Object.freeze({});
/** The time of a deadline that was told: it stays over until its state is left. */
const rung = Number.POSITIVE_INFINITY;

export class VolatileActor implements Observer<AnyMachineSnapshot>, Child {
  readonly definition: MachineDefinition;
  readonly root: Actor<AnyStateMachine>;
  readonly #clock: Clock;
  readonly #random: () => number;
  #exited: ((exit: VolatileExit) => void) | undefined;
  #seen: AnyMachineSnapshot | undefined;
  #deadlines: Deadlines = none;
  #takeAlarmBack: (() => void) | undefined;

  constructor(definition: MachineDefinition, input: unknown, clock: Clock, random: () => number, id?: string) {
    this.definition = definition;
    this.#clock = clock;
    this.#random = random;
    this.root = createActor(definition.machine, id === undefined ? { input } : { input, id });
  }

  /** Starts it; `exited` is called once, when it leaves by itself. */
  start(exited: (exit: VolatileExit) => void): void {
    this.#exited = exited;
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
    const takeAlarmBack = this.#clock.alarm(deadline, resolve);
    await Promise.race([settled, over]);
    takeAlarmBack();
    const left = unsettledEffects(this.root.system);
    return left === 0 ? [] : [{ kind: this.definition.kind, id: this.root.id, why: `${left} effects did not stop` }];
  }

  /** For XState, whose observer it is: the actor is in another configuration, perhaps. */
  next(snapshot: AnyMachineSnapshot): void {
    if (!this.definition.deadlineMs || this.#seen?.value === snapshot.value) return;
    try {
      this.#follow(snapshot);
    } catch (error) {
      this.root.stop();
      this.error(error);
    }
  }

  /** For XState: the actor is done, or was stopped. */
  complete(): void {
    const { status, output } = this.root.getSnapshot();
    if (status !== 'done') return;
    this.#disarm();
    this.#exited?.({ exit: 'normal', output });
  }

  /** For XState: the actor threw. */
  error(error: unknown): void {
    this.#disarm();
    // XState alone leaves what a root that threw had invoked running, its signal never aborted (statelyai/xstate#5153).
    const children = Object.values(this.root.getSnapshot().children ?? {}) as (AnyActorRef | undefined)[];
    for (const child of children) child?.send(stopEvent);
    this.#exited?.({ exit: 'crash', error });
  }

  #follow(snapshot: AnyMachineSnapshot): void {
    const previous = this.#seen && { snapshot: this.#seen, deadlines: this.#deadlines };
    this.#deadlines = deadlinesOf(this.definition, snapshot, this.#clock.now(), this.#random, previous);
    this.#seen = snapshot;
    this.#arm();
  }

  #arm(): void {
    this.#takeAlarmBack?.();
    const at = nearestOf(this.#deadlines);
    this.#takeAlarmBack = at === rung ? undefined : this.#clock.alarm(at, () => this.#ring());
  }

  #ring(): void {
    const now = this.#clock.now();
    for (const name in this.#deadlines) {
      const at = this.#deadlines[name];
      if (at === undefined || at > now) continue; // undefined: the one before it led to another state
      this.#deadlines = { ...this.#deadlines, [name]: rung };
      this.root.send({ type: 'deadline.passed', name, at: now } as EventObject);
    }
    if (this.root.getSnapshot().status === 'active') this.#arm();
  }

  #disarm(): void {
    this.#takeAlarmBack?.();
    this.#takeAlarmBack = undefined;
  }
}

/** What the volatile children of one kind share. */
export interface VolatileKind {
  definition: MachineDefinition;
  restart: RestartType;
  clock: Clock;
  /** A number in [0, 1), for jitter. */
  random: () => number;
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

  start(exited: (exit: ChildExit) => void): Child {
    const { definition, clock, random } = this.#kind;
    const actor = new VolatileActor(definition, this.#input, clock, random, this.id);
    actor.start(exited);
    return actor;
  }
}
