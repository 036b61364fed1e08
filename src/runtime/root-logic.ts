/**
 * A machine as the root of a system, so that whoever runs it can end what it invoked when it threw: XState alone leaves
 * that running, its signal never aborted (statelyai/xstate#5153).
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

export class RootLogic implements ActorLogic<AnyMachineSnapshot, EventObject, unknown> {
  readonly #machine: AnyStateMachine;
  #scope: Scope | undefined;

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
  }

  /** Stops the children of a snapshot whose actor threw. */
  abandon(snapshot: AnyMachineSnapshot): void {
    // A machine that threw before it had a first state has no children.
    const children = Object.values((snapshot.children ?? {}) as Record<string, AnyActorRef | undefined>);
    for (const child of children) if (child) this.#scope?.stopChild(child);
  }

  transition(snapshot: AnyMachineSnapshot, event: EventObject, scope: Scope): AnyMachineSnapshot {
    return this.#machine.transition(snapshot, event, scope) as AnyMachineSnapshot;
  }

  getInitialSnapshot(scope: Scope, input: unknown): AnyMachineSnapshot {
    this.#scope = scope;
    return this.#machine.getInitialSnapshot(scope, input as never) as AnyMachineSnapshot;
  }

  start(snapshot: AnyMachineSnapshot): void {
    this.#machine.start(snapshot as never);
  }

  getPersistedSnapshot(snapshot: AnyMachineSnapshot): Snapshot<unknown> {
    return this.#machine.getPersistedSnapshot(snapshot as never) as Snapshot<unknown>;
  }
}
