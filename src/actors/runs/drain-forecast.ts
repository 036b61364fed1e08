/** What a drain of an agent would do to each of its actors, and how long it could take: asked of the machines themselves. */
import { type RunContext, runOf } from '../../domain/run.ts';
import type { MachineDefinition } from '../../runtime/definition.ts';
import { selfAfter } from '../../runtime/foresight.ts';
import type { ActorRecord } from '../../runtime/record.ts';

export interface ForecastRow {
  kind: string;
  id: string;
  /**
   * `detach`, `suspend`, `finish`, `cancel`; `end` for what is ending anyway, `rest` for what does not run, and `release`
   * for what goes to another agent.
   */
  would: string;
  /** The longest that it could take; less where its engine is quick to stop. */
  takesMs: number;
}

/** The row of a run or a schedule that is not final, for a drain at `now` of an agent that must have drained within `graceMs`. */
export function drainForecast(
  record: ActorRecord,
  definition: MachineDefinition,
  now: number,
  graceMs: number,
): ForecastRow {
  const { kind, id, state } = record;
  const drain = { type: definition.drainEvent ?? '', at: now, deadline: now + graceMs };
  const after = selfAfter(definition, record, drain)?.state ?? state;
  if (kind === 'schedule') return { kind, id, would: 'release', takesMs: after === 'released' ? 0 : graceMs };
  const context = runOf(record);
  const suspendMs = Math.min(context.policy.deadlinesMs.cancelGrace ?? graceMs, graceMs / 2);
  const row = (would: string, takesMs: number) => ({ kind, id, would, takesMs: Math.round(takesMs) });
  if (after === 'detached') return row('detach', 0);
  if (after === 'suspended') return row(state === 'suspended' ? 'rest' : 'suspend', 0);
  if (after === 'draining.finishing') return row('finish', finishMs(context, graceMs));
  if (after.startsWith('draining')) return row('suspend', suspendMs);
  if (after === 'cancelling' && state !== after)
    return row('cancel', Math.min(context.policy.deadlinesMs.cancelGrace ?? graceMs, graceMs));
  return row('end', graceMs);
}

/** By the engine's own estimate where it has one; it is stopped when the grace is nearly used. */
function finishMs({ progress }: RunContext, graceMs: number): number {
  return progress.etaS === null ? graceMs : Math.min(graceMs, progress.etaS * 1_000);
}
