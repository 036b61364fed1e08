/** What is known of a run by its id alone, for whoever finds something that is named by it. */
import type { Plan } from '../../domain/plan.ts';
import { runKinds } from '../../domain/run.ts';
import { isRunIdOf } from '../../domain/run-id.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';

export interface RunFate {
  /** `over`: its record is final. `other`: it is another agent's. `unknown`: no record is left of it. */
  is: 'live' | 'over' | 'other' | 'unknown';
  /** Of a run that is over. */
  record?: ActorRecord;
}

export async function fateOf(id: string, parts: Pick<AgentParts, 'store' | 'runtime' | 'config'>): Promise<RunFate> {
  const { store, runtime, config } = parts;
  for (const kind of runKinds) {
    if (runtime.find(kind, id)) return { is: 'live' };
    const stored = await store.read(kind, id);
    if (!stored) continue;
    const { record } = stored;
    if (record.context.agent !== config.name) return { is: 'other' };
    return record.final ? { is: 'over', record } : { is: 'live' };
  }
  return { is: 'unknown' };
}

/** The plan that a run's id names; undefined where it is gone. */
export async function planOfRun(id: string, { plans }: Pick<AgentParts, 'plans'>): Promise<Plan | undefined> {
  return (await plans.list()).find(({ plan }) => isRunIdOf(plan.name, id))?.plan;
}
