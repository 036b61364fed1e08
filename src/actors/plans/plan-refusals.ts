/** Why a plan is not taken: what its agents could never run is told when it is put, not in the night. */
import { AnswerError } from '../../core/answer-error.ts';
import { FailureError } from '../../core/failure.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import { definitionsOf, faultsOf } from '../../domain/agent-definitions.ts';
import { sourcePathOf } from '../../domain/engine-config.ts';
import type { Plan } from '../../domain/plan.ts';
import { engineOf } from '../../engines/engines.ts';
import type { AgentParts } from '../agent-parts.ts';
import { agentsAdmitted, agentsThatLive } from '../responsibility.ts';
import { checkReached, checkRepository, checkSourceAddress } from './places.ts';

/** Most faults that one refusal tells; the rest is counted. */
const faultsMax = 20;

/** Rejects with `invalid` or `refused` where the plan cannot work as it is written. */
export async function refuseImpossible(plan: Plan, parts: AgentParts): Promise<void> {
  await refuseUnplaceable(plan, parts);
  const source = sourcePathOf(plan.engine);
  if (source !== undefined) await checkReached(parts.config, 'read', source);
  await refuseUnknownNames(plan, parts);
  await checkRepository(plan, parts.config);
  checkSourceAddress(plan, parts.config);
  if (!canSuspend(plan, parts.config)) refuseSuspend(plan);
  refuseByEngine(plan, parts.config);
}

/** What only the adapter of its engine can tell. */
function refuseByEngine(plan: Plan, config: AgentConfig): void {
  if (plan.retention && !engineOf(plan).prune)
    throw new AnswerError(
      'invalid',
      `plan ${plan.name}: the engine ${plan.engine.type} removes no backups`,
      'leave out its retention',
    );
  try {
    engineOf(plan).checkPlan?.(plan, config);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw new AnswerError('invalid', `plan ${plan.name}: ${error.failure.message}`, error.failure.hint);
  }
}

/** True where a run goes on after a suspension with what it had done. */
export function canSuspend(plan: Plan, config: AgentConfig): boolean {
  return engineOf(plan).isResumable(plan, config);
}

/** Throws where the plan asks for what its engine cannot do. */
export function refuseSuspend({ name, engine, onDrain }: Pick<Plan, 'name' | 'engine' | 'onDrain'>): void {
  if (onDrain !== 'suspend') return;
  throw new AnswerError(
    'invalid',
    `plan ${name}: onDrain suspend is not for the engine ${engine.type}, which cannot go on where it was stopped`,
    'use detach (it runs on without its agent), finish (it may end within the grace of its agent, else it is retried) or cancel',
  );
}

async function refuseUnplaceable(plan: Plan, parts: AgentParts): Promise<void> {
  const living = plan.placement ? [] : await agentsThatLive(parts);
  if (living.length < 2) return;
  throw new AnswerError(
    'invalid',
    `plan ${plan.name}: placement: is missing, and ${living.length} agents live: ${living.join(', ')}`,
    `say where it runs, for example placement: { agent: ${living[0]} }`,
  );
}

/** Every agent that may come to run the plan must have what it names. One that never told what it has is not judged. */
export async function refuseUnknownNames(plan: Plan, parts: AgentParts): Promise<void> {
  const admitted = await agentsAdmitted(parts, plan);
  const own = definitionsOf(parts.config);
  const known = await Promise.all(admitted.map(agent => (agent === own.agent ? own : parts.definitions.get(agent))));
  const faults = known.flatMap(definitions => (definitions ? faultsOf(plan, definitions) : []));
  const [first] = faults;
  if (!first) return;
  const told = faults.slice(0, faultsMax).map(({ message }) => message);
  if (faults.length > faultsMax) told.push(`and ${faults.length - faultsMax} more`);
  throw new AnswerError('invalid', `plan ${plan.name}: ${told.join('; ')}`, first.hint);
}
