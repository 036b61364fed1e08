/**
 * Effects: what an invoked actor does to the world. `stop()` of an XState actor returns at once while the promise of an
 * effect runs on, so each effect is entered in the ledger of its actor's system, and whoever restarts an actor or hands
 * it over waits until the ledger is empty.
 */
import {
  type AnyActorRef,
  type EventObject,
  fromPromise,
  type NonReducibleUnknown,
  type PromiseActorLogic,
} from 'xstate';

export interface EffectScope<Input> {
  input: Input;
  /** Aborted when the state that asked for the effect is left, or the actor is stopped. */
  signal: AbortSignal;
  /** Sends a fact to the machine that invoked the effect. */
  tell: (fact: EventObject) => void;
}

type System = AnyActorRef['system'];

const ledgers = new WeakMap<System, Set<Promise<unknown>>>();

/** An effect for `machine.provide({ actors })`. It must be idempotent: a restored actor runs it again. */
export function effect<Output, Input extends NonReducibleUnknown = NonReducibleUnknown>(
  run: (scope: EffectScope<Input>) => Promise<Output>,
): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(({ input, signal, self, system }) => {
    const running = run({ input, signal, tell: fact => self._parent?.send(fact) });
    enter(system, running);
    return running;
  });
}

function enter(system: System, running: Promise<unknown>): void {
  const ledger = ledgers.get(system) ?? new Set();
  ledgers.set(system, ledger);
  ledger.add(running);
  const leave = () => ledger.delete(running);
  running.then(leave, leave);
}

/** How many effects of a system are not settled. */
export function unsettledEffects(system: System): number {
  return ledgers.get(system)?.size ?? 0;
}

/** Resolves when all effects of a system have settled. */
export async function effectsSettled(system: System): Promise<void> {
  const ledger = ledgers.get(system);
  while (ledger && ledger.size > 0) await Promise.allSettled(ledger);
}
