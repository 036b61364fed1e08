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
import { failpoint } from '../core/failpoint.ts';

export interface EffectScope<Input> {
  input: Input;
  /** Aborted when the state that asked for the effect is left, or the actor is stopped. */
  signal: AbortSignal;
  /** Sends a fact to the machine that invoked the effect; once `signal` is aborted nobody is told any more. */
  tell: (fact: EventObject) => void;
}

type System = AnyActorRef['system'];

/** What is not settled, each with the id of its invoke. */
const ledgers = new WeakMap<System, Map<Promise<unknown>, string>>();

/** An effect for `machine.provide({ actors })`. It must be idempotent: a restored actor runs it again. */
export function effect<Output, Input extends NonReducibleUnknown = NonReducibleUnknown>(
  run: (scope: EffectScope<Input>) => Promise<Output>,
): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(({ input, signal, self, system }) => {
    const tell = (fact: EventObject) => {
      // A state that was left and entered again must not take the word of the effect that it had before.
      if (!signal.aborted) self._parent?.send(fact);
    };
    const running = run({ input, signal, tell });
    failpoint('effect.started');
    enter(system, running, self.id);
    return running;
  });
}

function enter(system: System, running: Promise<unknown>, id: string): void {
  const ledger = ledgers.get(system) ?? new Map();
  ledgers.set(system, ledger);
  ledger.set(running, id);
  const leave = () => ledger.delete(running);
  running.then(leave, leave);
}

/** How many effects of a system are not settled. */
export function unsettledEffects(system: System): number {
  return ledgers.get(system)?.size ?? 0;
}

/** Their names: the ids of the invokes. */
export function unsettledNames(system: System): string[] {
  return [...(ledgers.get(system)?.values() ?? [])];
}

/** Resolves when all effects of a system have settled. */
export async function effectsSettled(system: System): Promise<void> {
  const ledger = ledgers.get(system);
  while (ledger && ledger.size > 0) await Promise.allSettled(ledger.keys());
}
