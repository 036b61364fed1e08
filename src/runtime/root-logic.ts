/**
 * A machine as the root of a system, for whoever runs it:
 *
 * 1. It hears of each snapshot from here, which is cheaper than an observer of it.
 * 2. It can end what the machine invoked when the machine threw: XState alone leaves that running, its signal never
 *    aborted (statelyai/xstate#5153).
 */
import type {
  ActorLogic,
  ActorScope,
  AnyActorRef,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
  Snapshot,
} from 'xstate';

type Scope = ActorScope<AnyMachineSnapshot, EventObject, AnyActorRef['system']>;

export interface RootPort {
  /** Told of the first snapshot when the actor starts, and of each one that follows, before its effects begin. */
  changed: (snapshot: AnyMachineSnapshot) => void;
}

export class RootLogic implements ActorLogic<AnyMachineSnapshot, EventObject, unknown> {
  readonly #machine: AnyStateMachine;
  readonly #port: RootPort;
  #scope: Scope | undefined;

  constructor(machine: AnyStateMachine, port: RootPort) {
    this.#machine = machine;
    this.#port = port;
  }

  /** Stops the children of a snapshot whose actor threw. */
  abandon(snapshot: AnyMachineSnapshot): void {
    // A machine that threw before it had a first state has no children.
    const children = Object.values((snapshot.children ?? {}) as Record<string, AnyActorRef | undefined>);
    for (const child of children) if (child) this.#scope?.stopChild(child);
  }

  transition(snapshot: AnyMachineSnapshot, event: EventObject, scope: Scope): AnyMachineSnapshot {
    const next = this.#machine.transition(snapshot, event, scope) as AnyMachineSnapshot;
    if (next !== snapshot) this.#port.changed(next);
    return next;
  }

  getInitialSnapshot(scope: Scope, input: unknown): AnyMachineSnapshot {
    this.#scope = scope;
    return this.#machine.getInitialSnapshot(scope, input as never) as AnyMachineSnapshot;
  }

  start(snapshot: AnyMachineSnapshot): void {
    this.#machine.start(snapshot as never);
    this.#port.changed(snapshot);
  }

  getPersistedSnapshot(snapshot: AnyMachineSnapshot): Snapshot<unknown> {
    return this.#machine.getPersistedSnapshot(snapshot as never) as Snapshot<unknown>;
  }
}
