/** How one actor's life ends: drained, it is told, comes to rest by itself or is stopped, and what did not stop is reported. */
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import type { Clock } from '../core/clock.ts';
import type { StateMeta } from '../core/machine-spec.ts';
import { timeText } from '../core/time-text.ts';
import type { DurableActor } from './durable-actor.ts';
import type { Host } from './host.ts';
import type { Unstopped } from './supervisor.ts';

/** What an effect has to end after its abort, also where the deadline is over. */
const stopMinMs = 500;

/** Ends an actor by `deadline` (ms since the epoch); its state stays as its record says. */
export async function drainActor(actor: DurableActor, deadline: number, host: Host): Promise<Unstopped[]> {
  const { clock } = host;
  const startedAt = clock.now();
  const { drainEvent } = actor.definition;
  if (drainEvent) {
    tellIfTaken(actor, { type: drainEvent, deadline });
    await untilAt(clock, deadline, signal => rested(actor, signal));
  }
  const isRested = !drainEvent || isAtRest(actor.snapshot);
  const stopBy = Math.max(deadline, clock.now() + stopMinMs);
  await untilAt(clock, stopBy, signal => actor.stop(signal));
  tellUnsettled(actor, clock.now() - startedAt, host);
  const { kind, id, unsettledEffects } = actor;
  if (isRested && unsettledEffects.length === 0) return [];
  const left = unsettledEffects.join(', ');
  return [{ kind, id, why: left ? `its effects did not stop: ${left}` : `still ${actor.record.state}` }];
}

/** Resolves once an actor is over, or at rest with no step under way, or `signal` is aborted. */
function rested(actor: DurableActor, signal: AbortSignal): Promise<void> {
  const isRested = () => actor.isOver || (!actor.isBusy && isAtRest(actor.snapshot));
  return new Promise(resolve => {
    const done = () => {
      unwatch();
      signal.removeEventListener('abort', done);
      resolve();
    };
    // A step is felt after its watchers were told, so look once that is through.
    const unwatch = actor.watch(() => setImmediate(() => isRested() && done()));
    signal.addEventListener('abort', done);
    if (isRested() || signal.aborted) done();
  });
}

/**
 * Waits until the effects of an actor that left have settled, at most `forMs`: its next life must not run an effect that
 * this one still runs, but it must not wait for ever either.
 */
export async function settle(actor: DurableActor, forMs: number, host: Host): Promise<void> {
  await untilAt(host.clock, host.clock.now() + forMs, signal => actor.settled(signal));
  tellUnsettled(actor, forMs, host);
}

function tellUnsettled({ kind, id, unsettledEffects }: DurableActor, forMs: number, host: Host): void {
  const at = timeText(host.clock.now());
  for (const effect of unsettledEffects) host.observe({ fact: 'effect.unsettled', kind, id, effect, forMs, at });
}

/** Does `work` with a signal that is aborted at `at`, by the clock. */
async function untilAt<T>(clock: Clock, at: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const takeAlarmBack = clock.alarm(at, () => controller.abort());
  try {
    return await work(controller.signal);
  } finally {
    takeAlarmBack();
  }
}

export function tellIfTaken<Told extends EventObject>(actor: DurableActor, fact: Told): void {
  if (actor.takes(fact)) actor.tell(fact);
}

/** Nothing is under way that the end of this process would tear: no effect, or only such as may be cut off. */
export function isAtRest(snapshot: AnyMachineSnapshot): boolean {
  if (snapshot.status !== 'active') return true;
  return snapshot._nodes.every(
    node => node.invoke.length === 0 || (node.meta as StateMeta | undefined)?.abortable === true,
  );
}
