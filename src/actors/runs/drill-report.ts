/** Tells how each drill of this agent ended, once it has. */
import type { Fact, Observer } from '../../domain/facts.ts';
import { runOf } from '../../domain/run.ts';
import type { Runtime } from '../../runtime/runtime.ts';

/** To be called with each fact. */
export function reportDrill(fact: Fact, runtime: Runtime, observe: Observer): void {
  if (fact.fact !== 'actor.transition' || fact.kind !== 'drill' || !fact.final) return;
  const record = runtime.find('drill', fact.id)?.record;
  if (!record) return;
  const { plan, restore, reason, message } = runOf(record);
  const { kind, id, state, at } = fact;
  observe({ fact: 'drill.ended', kind, id, plan, backup: restore?.backup ?? '', ending: state, reason, message, at });
}
