/**
 * What dead runs left in the repositories of this agent's plans: what an engine finds there under the ids of runs, and
 * what it can prove to be dead by itself, such as locks.
 */
import { randomUUID } from 'node:crypto';
import { contextOf } from '../../../machines/run-context.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { FailureError } from '../../core/failure.ts';
import { orAborted } from '../../core/or-aborted.ts';
import type { Plan } from '../../domain/plan.ts';
import { policyOf } from '../../domain/policy.ts';
import { runOf } from '../../domain/run.ts';
import type { EngineScope } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import { RunDirectory } from '../../runner/run-directory.ts';
import type { AgentParts } from '../agent-parts.ts';
import { repositoryName, repositoryOf } from '../plans/places.ts';
import { ownOf } from '../responsibility.ts';
import { fateOf } from '../runs/run-fate.ts';
import { type Sweep, swept } from './sweep-runs.ts';

/** Repositories whose disk has not answered: asked again, it would only take more threads. */
const unanswered = new Set<string>();

export async function sweepRepositories(parts: AgentParts, sweep: Sweep): Promise<void> {
  const own = (await ownOf(parts, await parts.plans.list())).map(({ plan }) => plan);
  const byRepository = new Map(own.map(plan => [`${plan.engine.type} ${repositoryName(plan)}`, plan]));
  for (const [repository, plan] of byRepository) {
    sweep.signal.throwIfAborted();
    if (unanswered.has(repository)) continue;
    unanswered.add(repository);
    const sweeping = sweepRepository(plan, parts, sweep).finally(() => unanswered.delete(repository));
    await orAborted(sweeping, sweep.signal);
  }
}

async function sweepRepository(plan: Plan, parts: AgentParts, sweep: Sweep): Promise<void> {
  const { traces, tidy } = engineOf(plan);
  if (!traces && !tidy) return;
  const where = `repository ${repositoryName(plan)}`;
  try {
    const scope = lookingScope(plan, parts);
    for (const what of (await tidy?.(scope, sweep.signal)) ?? []) sweep.removed(what, where, 'whose it was is dead');
    for (const run of (await traces?.(scope)) ?? []) await sweepTrace(run, where, parts, sweep);
  } catch (error) {
    // One that is away, or not made yet, is told by whoever has to use it.
    const isExpected = error instanceof FailureError || (error instanceof AnswerError && error.code !== 'unavailable');
    if (!isExpected) throw error;
  }
}

async function sweepTrace(id: string, where: string, parts: AgentParts, sweep: Sweep): Promise<void> {
  const { is, record } = await fateOf(id, parts);
  if (is === 'unknown')
    sweep.left('leftover of a run', where, `no record is left of ${id}: it may be of another Reeve`);
  if (record?.kind !== 'backup') return;
  const run = runOf(record);
  if ((await parts.engineRuns.stopLeft(id))?.gone === false) return;
  const open = run.slot === 'none' ? 'open' : run.slot; // there is something, so it had begun
  const why = `its run is ${record.state}`;
  if (await swept({ ...run, slot: open }, where, parts, sweep)) sweep.removed(`leftover of ${id}`, where, why);
}

/** A run that is never started, and whose directory is not made: its id cannot be a run's, for no plan's name has `--`. */
function lookingScope(plan: Plan, { config, clock }: AgentParts): EngineScope {
  const id = `sweep--${plan.name}`;
  const base = { id, task: 'backup' as const, agent: config.name, document: plan, policy: policyOf(plan) };
  return {
    run: contextOf({ ...base, planRevision: 0, restore: null, at: clock.now() }),
    key: `${id}:${randomUUID()}`,
    repository: repositoryOf(plan, config),
    config,
    directory: new RunDirectory(config.data, id),
    backup: () => Promise.reject(new Error(`${id} works on no backup`)),
    previous: async () => null,
  };
}
