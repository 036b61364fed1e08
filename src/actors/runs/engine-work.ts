/** How a run asks its engine: for its transfer, for what comes beside it, and to stop. */
import type { RunEffectInput, StopOutput } from '../../../machines/run-effects.ts';
import type { RunContext } from '../../domain/run.ts';
import { isStep, type Work } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import type { StopOrder } from '../../runner/engine-process.ts';
import type { AgentParts } from '../agent-parts.ts';
import type { RunOfEngine } from './followed-engines.ts';

/** The grace of an engine that is told to stop for good when its plan says nothing. */
const graceDefaultMs = 20_000;
/** How long after a run's deadline its runner ends the engine, if its agent did not. */
const agentFirstMs = 1_000;

/** Whether a run is another agent's, whose record this one took over to end it. */
export function isBoundElsewhere({ agent }: RunContext, { config }: Pick<AgentParts, 'config'>): boolean {
  return agent !== config.name;
}

/** The transfer's process, with what bounds it though this agent should not come back. */
export function transferOf({ run, key }: RunEffectInput, { runtime, config }: AgentParts): RunOfEngine {
  const { document, policy } = run;
  const engine = engineOf(document);
  const deadline = runtime.find(run.task, run.id)?.record.deadlines.run;
  const bounds = {
    // The agent's own ladder goes first where it is there.
    deadlineAt: deadline === undefined ? null : Date.parse(deadline) + agentFirstMs,
    graceMs: policy.deadlinesMs.cancelGrace ?? graceDefaultMs,
    signal: engine.stopSignal(document, config),
  };
  return { id: run.id, kind: run.task, key, isRepeatable: engine.isResumable(document, config), bounds };
}

/** What an engine does beside its transfer, in a process of its own or at once. */
export async function done<Output>(
  work: Work<Output>,
  name: string,
  { run, key }: RunEffectInput,
  { engineRuns }: AgentParts,
  signal: AbortSignal,
): Promise<Output> {
  const step = await work;
  if (!isStep(step)) return step;
  return await engineRuns.run({ id: run.id, kind: run.task, key: `${key}/${name}` }, step, signal);
}

/** Ends whatever process the run has here. */
export async function stopped(run: RunContext, parts: AgentParts): Promise<StopOutput> {
  if (isBoundElsewhere(run, parts)) return { gone: true };
  return await parts.engineRuns.stop(run.id, stopOrderOf(run, parts));
}

function stopOrderOf(run: RunContext, { clock, config }: AgentParts): StopOrder {
  const { document } = run;
  const { stopSignal, stopGraceMs } = engineOf(document);
  const graceMs = Math.min(graceOf(run, clock.now()), stopGraceMs?.(document, config) ?? Number.POSITIVE_INFINITY);
  return { signal: stopSignal(document, config), graceMs };
}

/** In a drain the ladder has what is left of the agent's grace, if that is less. */
function graceOf(run: RunContext, now: number): number {
  const graceMs = run.policy.deadlinesMs.cancelGrace ?? graceDefaultMs;
  return run.drain ? Math.max(0, Math.min(graceMs, (run.drain.deadline - now) / 2)) : graceMs;
}
