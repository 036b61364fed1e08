/**
 * A step is durable before it is felt: propose, write, commit.
 *
 * XState runs actions and starts invokes inside `send`, before anything could be stored. This logic wraps a machine, on
 * XState's public API:
 *
 * 1. It proposes the next snapshot with whatever would act held back, asks for the write, and goes on returning the
 *    old snapshot: nobody sees a state and no effect starts before it is durable.
 * 2. What arrives meanwhile is parked, in order. On its own commit event it runs what was held and returns the new snapshot.
 * 3. A step whose write is rejected (another owner was found) runs nothing, ever.
 * 4. Whether a command can be taken is judged when it is proposed, not when it arrives.
 * 5. A machine that throws leaves no invoke running (XState alone leaves them: statelyai/xstate#5153).
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

/** A transition that is about to be: `next` follows `previous` because of `event`. */
export interface Step {
  previous: AnyMachineSnapshot;
  next: AnyMachineSnapshot;
  event: EventObject;
  /** Where the event came by mail. */
  envelope: Envelope | undefined;
}

/** A command from a mailbox on its way into the machine. */
export interface Envelope {
  command: EventObject;
  /** Told once how it went. */
  settle: (verdict: Verdict) => void;
}

export type Verdict = { outcome: 'taken' } | { outcome: 'refused' } | { outcome: 'late' } | { outcome: 'crashed' };

/** The event that carries an envelope; only intake sends it, and no schema of a command admits its type. */
export const mailEvent = 'reeve.mail';
const commitEvent = 'reeve.commit';

export interface DurablePort {
  /** The event as it is proposed, with the cluster's time; undefined drops it (a deadline that was moved meanwhile). */
  stamp: (event: EventObject) => EventObject | undefined;
  /** Makes a step durable. Rejects only when another owner was found, or when the step must not be: then nothing of it happens. */
  write: (step: Step) => Promise<void>;
  /** The step is durable and is being felt. */
  committed: (step: Step) => void;
  /** The write was rejected, and nothing of the step happened: the actor must be stopped. */
  rejected: (cause: unknown, step: Step) => void;
}

/** How many events may wait behind one write. */
export const parkedMax = 1_000;

export class DurableLogic implements ActorLogic<AnyMachineSnapshot, EventObject, unknown> {
  readonly #machine: AnyStateMachine;
  readonly #port: DurablePort;
  #pending: { step: Step; held: (() => void)[]; commit: EventObject } | undefined;
  #parked: EventObject[] = [];

  constructor(machine: AnyStateMachine, port: DurablePort) {
    this.#machine = machine;
    this.#port = port;
  }

  /** True while a step is being written. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  transition(snapshot: AnyMachineSnapshot, event: EventObject, scope: Scope): AnyMachineSnapshot {
    if (event.type === 'xstate.stop') {
      this.#pending = undefined;
      this.#dropParked();
      return this.#machine.transition(snapshot, event, scope) as AnyMachineSnapshot;
    }
    if (event.type === commitEvent) return this.#commit(snapshot, event, scope);
    if (!this.#pending) return this.#propose(snapshot, event, scope);
    if (this.#parked.length >= parkedMax) {
      this.#crash(undefined, scope, snapshot);
      throw new Error(`more than ${parkedMax} events wait behind one write`);
    }
    this.#parked.push(event);
    return snapshot;
  }

  #commit(snapshot: AnyMachineSnapshot, event: EventObject, scope: Scope): AnyMachineSnapshot {
    const pending = this.#pending;
    if (!pending || event !== pending.commit) return snapshot; // forged, or of a step that a stop ended
    this.#pending = undefined;
    let next = pending.step.next;
    this.#port.committed(pending.step);
    pending.step.envelope?.settle({ outcome: 'taken' }); // it is durable, whatever becomes of its actions
    try {
      for (const act of pending.held) act(); // grows while it runs: deferred effects follow actions
    } catch (defect) {
      this.#crash(undefined, scope, snapshot, next);
      throw defect;
    }
    while (next.status === 'active' && !this.#pending && this.#parked.length > 0)
      next = this.#propose(next, this.#parked.shift() as EventObject, scope);
    if (next.status !== 'active') this.#dropParked();
    return next;
  }

  #propose(snapshot: AnyMachineSnapshot, arrived: EventObject, scope: Scope): AnyMachineSnapshot {
    const envelope =
      arrived.type === mailEvent ? (arrived as EventObject & { envelope: Envelope }).envelope : undefined;
    const event = this.#port.stamp(envelope?.command ?? arrived);
    if (!event) return snapshot;
    if (envelope && !canTake(snapshot, event)) {
      envelope.settle({ outcome: 'refused' });
      return snapshot;
    }
    const held: (() => void)[] = [];
    let next: AnyMachineSnapshot;
    try {
      next = this.#machine.transition(snapshot, event, holding(scope, held)) as AnyMachineSnapshot;
    } catch (defect) {
      this.#crash(envelope, scope, snapshot);
      throw defect;
    }
    if (next === snapshot && held.length === 0) {
      envelope?.settle({ outcome: 'refused' });
      return snapshot;
    }
    if (next.status === 'error') {
      for (const act of held) act();
      this.#crash(envelope, scope, snapshot, next);
      return next;
    }
    const step: Step = { previous: snapshot, next, event, envelope };
    const commit = { type: commitEvent };
    this.#pending = { step, held, commit };
    this.#port.write(step).then(
      () => {
        if (this.#pending?.commit === commit) scope.self.send(commit); // else it was stopped meanwhile
      },
      cause => this.#port.rejected(cause, step),
    );
    return snapshot; // invariant 1
  }

  #crash(envelope: Envelope | undefined, scope: Scope, ...from: AnyMachineSnapshot[]): void {
    this.#pending = undefined;
    this.#abandon(scope, ...from);
    envelope?.settle({ outcome: 'crashed' });
    this.#dropParked();
  }

  #abandon(scope: Scope, ...from: AnyMachineSnapshot[]): void {
    const children = new Set(from.flatMap(snapshot => Object.values(snapshot.children) as AnyActorRef[]));
    for (const child of children) if (child) scope.stopChild(child);
  }

  /** They are late. */
  #dropParked(): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const event of parked) {
      if (event.type === mailEvent)
        (event as EventObject & { envelope: Envelope }).envelope.settle({ outcome: 'late' });
    }
  }

  getInitialSnapshot(scope: Scope, input: unknown): AnyMachineSnapshot {
    return this.#machine.getInitialSnapshot(scope, input as never) as AnyMachineSnapshot;
  }

  restoreSnapshot(persisted: Snapshot<unknown>, scope: Scope): AnyMachineSnapshot {
    return this.#machine.restoreSnapshot(persisted, scope) as AnyMachineSnapshot;
  }

  start(snapshot: AnyMachineSnapshot): void {
    this.#machine.start(snapshot as never);
  }

  getPersistedSnapshot(snapshot: AnyMachineSnapshot): Snapshot<unknown> {
    return this.#machine.getPersistedSnapshot(snapshot as never) as Snapshot<unknown>;
  }
}

/** True where the state takes this event. A final state takes nothing, whatever its root-level `on` says. */
export function canTake(snapshot: AnyMachineSnapshot, event: EventObject): boolean {
  return snapshot.status === 'active' && snapshot.can(event as never);
}

function holding(scope: Scope, held: (() => void)[]): Scope {
  return {
    ...scope,
    actionExecutor: action => {
      held.push(() => scope.actionExecutor(action));
    },
    defer: act => {
      held.push(() => scope.defer(act));
    },
  };
}
