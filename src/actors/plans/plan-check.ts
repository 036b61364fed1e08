/**
 * Looks, before the night, whether a plan could run on this agent: what it names, what the agent's file allows, its hooks,
 * and whatever its engine can say. Nothing is changed, and all of it is bounded.
 */
import { randomUUID } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { contextOf } from '../../../machines/run-context.ts';
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { formatDuration } from '../../core/durations.ts';
import { failureOf } from '../../core/failure.ts';
import { definitionsOf, faultsOf } from '../../domain/agent-definitions.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import { policyOf } from '../../domain/policy.ts';
import type { Check } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import type { AgentParts } from '../agent-parts.ts';
import { scopeOf } from '../runs/engine-scope.ts';
import { requireRepository } from './known-repositories.ts';
import { checkAllowedPlaces } from './places.ts';

/** What is looked at of a stored plan. */
type Looked = Pick<StoredPlan, 'plan' | 'revision'>;

/** What a whole check may take. */
const checkMs = 60_000;

/** Resolves with every finding within the bound; what did not end by then is a finding of its own. */
export async function checkPlan(stored: Looked, parts: AgentParts, boundMs = checkMs): Promise<Check[]> {
  const found: Check[] = [];
  const bound = new AbortController();
  const timer = setTimeout(() => bound.abort(new Error('the check is over')), boundMs);
  const over = new Promise<void>(resolve => bound.signal.addEventListener('abort', () => resolve(), { once: true }));
  const looking = lookAll(stored, parts, found, bound.signal);
  try {
    await Promise.race([looking, over]);
    const late: Check = {
      name: 'time',
      ok: false,
      message: `the check did not end within ${formatDuration(boundMs)}`,
      hint: 'see whether what the plan names answers: a mount, a server, a repository',
    };
    return bound.signal.aborted ? [...found, late] : found;
  } finally {
    clearTimeout(timer);
    bound.abort(new Error('the check is over'));
    looking.catch(() => undefined);
  }
}

async function lookAll(stored: Looked, parts: AgentParts, found: Check[], signal: AbortSignal): Promise<void> {
  const { plan } = stored;
  const faults = faultsOf(plan, definitionsOf(parts.config));
  for (const { message, hint } of faults) found.push({ name: 'names', ok: false, message, hint });
  if (faults.length === 0)
    found.push({
      name: 'names',
      ok: true,
      message: `agent ${parts.config.name} has all that the plan names`,
      hint: '',
    });
  for (const name of new Set([...(plan.hooks?.before ?? []), ...(plan.hooks?.finally ?? [])])) {
    const hook = parts.config.hooks[name];
    if (hook) found.push(await checkExecutable(`hook ${name}`, hook.run[0]));
  }
  if (faults.length > 0) return; // what is not defined cannot be looked at
  const run = runToTry(stored, parts);
  found.push(await tried('allowed', "the agent's file allows its places", () => checkAllowedPlaces(run, parts.config)));
  const mounted = await tried('mounted', 'its repository is there', () => requireRepository(run, parts, signal));
  if (!mounted.ok) found.push(mounted);
  await askEngine({ key: `${run.id}:${randomUUID()}`, run }, parts, found, signal);
}

async function askEngine(input: RunEffectInput, parts: AgentParts, found: Check[], signal: AbortSignal): Promise<void> {
  const { run } = input;
  try {
    const scope = await scopeOf(input, parts, signal);
    found.push(...(await engineOf(run.document).check(scope, signal)));
  } catch (error) {
    found.push(failed(`engine ${run.document.engine.type}`, error));
  } finally {
    await parts.engineRuns.forget(run.id);
  }
}

/** A run that is never started: what an engine is told of. Its id cannot be a run's, for a plan's name has no `--`. */
function runToTry({ plan, revision }: Looked, { config, clock }: AgentParts) {
  const policy = policyOf(plan);
  const base = { id: `check--${plan.name}`, task: 'backup' as const, agent: config.name, document: plan, policy };
  return contextOf({ ...base, planRevision: revision, restore: null, at: clock.now() });
}

async function checkExecutable(name: string, path: string): Promise<Check> {
  const work = () => access(path, constants.X_OK);
  const checked = await tried(name, `${path} can be started`, work);
  if (checked.ok) return checked;
  return {
    ...checked,
    message: `${path} cannot be started: ${checked.message}`,
    hint: 'install it, and make it executable',
  };
}

async function tried(name: string, message: string, work: () => Promise<void>): Promise<Check> {
  try {
    await work();
    return { name, ok: true, message, hint: '' };
  } catch (error) {
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Check {
  const isOfSystem = error instanceof Error && 'syscall' in error;
  const { message, hint } = error instanceof AnswerError ? error : failureOf(error);
  return { name, ok: false, message, hint: isOfSystem ? '' : hint };
}
