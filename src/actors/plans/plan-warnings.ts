/** What a plan's author should know, although the plan is taken. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatDuration } from '../../core/durations.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import { sourcePathOf } from '../../domain/engine-config.ts';
import type { Plan } from '../../domain/plan.ts';
import { policyOf } from '../../domain/policy.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import { hasRule } from '../../domain/retention.ts';
import { repositoryOf } from './places.ts';

export async function warningsOf(plan: Plan, config: AgentConfig): Promise<string[]> {
  const warnings: string[] = [];
  const path = sourcePathOf(plan.engine);
  const source = path === undefined ? undefined : await stat(path).catch(() => undefined);
  if (path !== undefined && !source)
    warnings.push(`the path ${path} is not there now; a run fails with source-missing until it is`);
  const repository = repositoryPathOf(repositoryOf(plan, config));
  const place = repository === undefined ? undefined : await statOrParent(repository);
  if (source && place && source.dev === place.dev)
    warnings.push(`the repository ${repository} is on the same disk as ${path}: a broken disk takes both`);
  const cancelGraceMs = policyOf(plan).deadlinesMs.cancelGrace ?? 0;
  if (cancelGraceMs > config.graceMs)
    warnings.push(
      `cancelGrace ${formatDuration(cancelGraceMs)} is longer than the agent's grace of ${formatDuration(config.graceMs)}, which bounds it in a drain`,
    );
  if (plan.retention && !hasRule(plan.retention))
    warnings.push('its retention has no keep rule and no window, so no backup is ever removed');
  return warnings;
}

async function statOrParent(path: string) {
  const there = await stat(path).catch(() => undefined);
  return there ?? (await stat(dirname(path)).catch(() => undefined));
}
