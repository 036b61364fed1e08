/** The queue of an agent's runs, as their records tell it. Pure. */
import type { RunContext } from './run.ts';
import { byAsked, obstacleOf, overlaps, type TurnLimits, turnOf } from './turn.ts';

/** What the queue reads of a run's record. */
export interface QueueRecord {
  state: string;
  since: string;
  final: boolean;
  context: RunContext;
}

export interface Queued {
  id: string;
  plan: string;
  /** From 1, among all that wait on its agent. */
  position: number;
  /** What it waits for, in words. */
  waitsFor: string;
  since: string;
  agent: string;
}

/** What waits on one agent, first come first. `limits` is undefined where the agent never told them. */
export function queueOf(records: readonly QueueRecord[], limits: TurnLimits | undefined): Queued[] {
  const held = records.filter(({ final, context }) => !final && context.admitted).map(({ context }) => turnOf(context));
  const waiting = records
    .filter(({ state, context }) => state === 'pending' && !context.admitted)
    .map(record => ({ record, asked: turnOf(record.context) }))
    .sort((one, other) => byAsked(one.asked, other.asked));
  return waiting.map(({ record, asked }, index) => {
    const ahead = waiting.slice(0, index).find(each => overlaps(each.asked, asked))?.asked;
    const { context, since } = record;
    const waitsFor =
      (context.reason === 'repository-low' ? context.message : undefined) ??
      (limits && obstacleOf(asked, held, limits)) ??
      (ahead ? `${ahead.task} ${ahead.id} of the same plan` : 'a free place on its agent');
    return { id: asked.id, plan: asked.plan, position: index + 1, waitsFor, since, agent: context.agent };
  });
}
