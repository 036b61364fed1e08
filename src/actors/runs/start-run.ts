/** How a run is started for a plan: by whoever asks for it with a command, and by this agent itself. */
import { randomBytes } from 'node:crypto';
import type { RunInput } from '../../../machines/backup.ts';
import { AnswerError } from '../../core/answer-error.ts';
import type { Plan } from '../../domain/plan.ts';
import { type RunKind, runKinds } from '../../domain/run.ts';
import { runIdOfRequest, runIdOfTime } from '../../domain/run-id.ts';
import type { AgentParts } from '../agent-parts.ts';
import { agentsThatLive } from '../responsibility.ts';
import { runPolicyOf } from './run-policy.ts';

/** What a start may say beside what it is about. */
export interface Asked {
  note?: string | undefined;
  requestId?: string | undefined;
}

/**
 * Starts a run here, or finds the one that the request has started; resolves with its id once its record is durable. Rejects
 * with an AnswerError: `conflict` where the request started a run of another kind, `refused` while the agent drains.
 */
export async function startRun(
  parts: AgentParts,
  kind: RunKind,
  { plan, revision, restore, rescan = false }: { plan: Plan; revision: number } & Pick<RunInput, 'restore' | 'rescan'>,
  { note: words, requestId: request }: Asked,
): Promise<{ id: string }> {
  const id =
    request === undefined
      ? runIdOfTime(plan.name, parts.clock.now(), randomBytes(3).toString('hex'))
      : runIdOfRequest(plan.name, request);
  if (request !== undefined) await refuseOtherKinds(parts, kind, id, request);
  // What the request started is over, and has left for the history: a repeat starts nothing.
  if (request !== undefined && (await parts.store.isForgotten(kind, id))) return { id };
  const input = {
    id,
    task: kind,
    agent: parts.config.name,
    document: plan,
    planRevision: revision,
    policy: runPolicyOf(kind, plan, parts.config),
    restore,
    rescan,
  };
  await parts.runtime.start(kind, id, { input, note: words, requestId: request });
  return { id };
}

/** A plan that does not say where it belongs belongs to the only agent; of several, nobody knows which has its source. */
export async function refuseUnplaced(parts: AgentParts, plan: Plan, hint: string): Promise<void> {
  const living = plan.placement ? [] : await agentsThatLive(parts);
  if (living.length < 2) return;
  const message = `plan ${plan.name} has no placement, and ${living.length} agents live: ${living.join(', ')}`;
  throw new AnswerError('refused', message, hint);
}

/** Ids are unique over all kinds of runs, and a request names one. */
async function refuseOtherKinds(parts: AgentParts, kind: RunKind, id: string, request: string): Promise<void> {
  for (const other of runKinds)
    if (other !== kind && (await parts.store.read(other, id)))
      throw new AnswerError('conflict', `the requestId ${request} was used for ${other} ${id}`, 'use one a request');
}
