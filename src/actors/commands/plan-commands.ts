/** `plan.put`, `get`, `list` and `delete`. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { formatDuration } from '../../core/durations.ts';
import { FailureError } from '../../core/failure.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import { commandFields } from '../../domain/commands.ts';
import { sourcePathOf } from '../../domain/engine-config.ts';
import { nameText, type Plan, planSchema } from '../../domain/plan.ts';
import { policyOf } from '../../domain/policy.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import { engineOf } from '../../engines/engines.ts';
import { command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { checkReached, checkRepository, checkSourceAddress, repositoryOf } from '../places.ts';
import { agentsThatLive, answerPlaced } from '../responsibility.ts';
import { planOf, unknownPlan } from './lookups.ts';
import { recordsOf } from './records.ts';

const requestId = commandFields.requestId;
/** Most of what hangs on a plan that a refusal lists; the rest is counted. */
const listedMax = 20;

export function planCommands(parts: AgentParts) {
  const { plans } = parts;
  return {
    'plan.put': command({
      schema: planSchema.extend({ requestId, dryRun: z.boolean().optional() }),
      answeredBy: 'each',
      handle: ({ requestId, dryRun, ...plan }) =>
        answerPlaced(
          parts,
          async () => ({ plan }),
          async () => {
            await refuseImpossible(plan, parts);
            const warnings = await warningsOf(plan, parts);
            if (dryRun) return { name: plan.name, revision: (await plans.get(plan.name))?.revision ?? 0, warnings };
            const { revision } = await plans.put(plan, requestId === undefined ? {} : { requestId });
            return { name: plan.name, revision, warnings };
          },
        ),
    }),
    'plan.get': command({
      schema: z.strictObject({ name: nameText }),
      handle: async ({ name }) => {
        const { plan, revision } = await planOf(parts, name);
        return { ...plan, revision };
      },
    }),
    'plan.list': command({
      schema: z.strictObject({
        labels: z.record(z.string(), z.string()).optional(),
        limit: z.int().min(1).max(10_000).optional(),
      }),
      handle: async ({ labels = {}, limit = 1_000 }) => {
        const all = await plans.list();
        const matching = all.filter(({ plan }) =>
          Object.entries(labels).every(([key, value]) => plan.labels?.[key] === value),
        );
        return { plans: matching.slice(0, limit).map(({ plan, revision }) => ({ ...plan, revision })) };
      },
    }),
    'plan.delete': command({
      schema: z.strictObject({ name: nameText, keepBackups: z.boolean().optional(), requestId }),
      handle: async ({ name, keepBackups, requestId }) => {
        const hanging = await hangingOn(parts, name, keepBackups ?? false);
        const known = await plans.get(name);
        if (known && hanging.length > 0)
          throw new AnswerError(
            'conflict',
            `plan ${name} cannot be deleted: ${hanging.join('; ')}`,
            'end what runs first; keepBackups leaves its backups where they are',
          );
        if (await plans.delete(name, requestId === undefined ? {} : { requestId })) return {};
        throw await unknownPlan(parts, name);
      },
    }),
  };
}

async function refuseImpossible(plan: Plan, parts: AgentParts): Promise<void> {
  if (plan.onDrain === 'detach')
    throw new AnswerError(
      'invalid',
      `plan ${plan.name}: onDrain detach needs engines that outlive their agent, which this version does not have: an engine process ends with its agent`,
      'use suspend (the default), finish or cancel',
    );
  const living = plan.placement ? [] : await agentsThatLive(parts);
  if (living.length > 1)
    throw new AnswerError(
      'invalid',
      `plan ${plan.name}: placement: is missing, and ${living.length} agents live: ${living.join(', ')}`,
      `say where it runs, for example placement: { agent: ${living[0]} }`,
    );
  const source = sourcePathOf(plan.engine);
  if (source !== undefined) await checkReached(parts.config, 'read', source);
  checkSourceAddress(plan, parts.config);
  await checkRepository(plan, parts.config);
  refuseByEngine(plan, parts.config);
}

/** What only the adapter of its engine can tell. */
function refuseByEngine(plan: Plan, config: AgentConfig): void {
  const engine = engineOf(plan);
  if (plan.onDrain === 'suspend' && !engine.isResumable(plan, config))
    throw new AnswerError(
      'invalid',
      `plan ${plan.name}: onDrain suspend needs an engine that can resume, and this one starts anew each time`,
      'use finish or cancel',
    );
  try {
    engine.checkPlan?.(plan, config);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw new AnswerError('invalid', `plan ${plan.name}: ${error.failure.message}`, error.failure.hint);
  }
}

async function warningsOf(plan: Plan, { config }: AgentParts): Promise<string[]> {
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
  return warnings;
}

async function statOrParent(path: string) {
  const there = await stat(path).catch(() => undefined);
  return there ?? (await stat(dirname(path)).catch(() => undefined));
}

async function hangingOn(parts: AgentParts, plan: string, keepBackups: boolean): Promise<string[]> {
  const running = (await recordsOf(parts.store)).filter(({ record }) => !record.final && record.context.plan === plan);
  const hanging = running.map(({ record }) => `${record.kind} ${record.id} is ${record.state}`);
  const backups = keepBackups ? [] : await parts.catalog.list(plan);
  const all = [...hanging, ...backups.map(({ id }) => `backup ${id} can be restored`)];
  return all.length <= listedMax ? all : [...all.slice(0, listedMax), `and ${all.length - listedMax} more`];
}
