/** The policy of a run on this agent: what a plan leaves open may depend on where the agent runs. */
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { OnDrain, Plan } from '../../domain/plan.ts';
import { policyOf, type RunPolicy } from '../../domain/policy.ts';
import type { RunKind } from '../../domain/run.ts';
import { engineOf } from '../../engines/engines.ts';
import { isContainer } from '../../runner/container.ts';

export function runPolicyOf(task: RunKind, plan: Plan, config: AgentConfig): RunPolicy {
  const policy = policyOf(plan, onDrainDefault(plan, config));
  // A prune is not left to itself: it ends with its agent, and is asked for again.
  return task === 'prune' ? { ...policy, onDrain: policy.onDrain === 'cancel' ? 'cancel' : 'suspend' } : policy;
}

/**
 * An engine outlives its agent, but in a container, which ends with its agent: there it is suspended where it can go on
 * later, and else has what is left of the grace to finish.
 */
export function onDrainDefault(plan: Plan, config: AgentConfig, inContainer = isContainer()): OnDrain {
  if (!inContainer) return 'detach';
  return engineOf(plan).isResumable(plan, config) ? 'suspend' : 'finish';
}
