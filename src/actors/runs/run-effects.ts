/**
 * What a run does to the world: the effects of `machines/backup.ts`, by the engine of its plan.
 *
 * A run that is bound to another agent, whose record this one took over to end it, does nothing here but ask its commit
 * slot, where the catalog keeps that: what its own agent left, that agent removes.
 */
import type {
  CleanUpOutput,
  ReattachOutput,
  RunEffectInput,
  runEffects,
  SlotOutput,
  StopOutput,
  TransferOutput,
} from '../../../machines/run-effects.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { failureOf } from '../../core/failure.ts';
import { aborted } from '../../core/or-aborted.ts';
import type { RunContext } from '../../domain/run.ts';
import { turnOf } from '../../domain/turn.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent } from '../../engines/failures.ts';
import { effectsOn } from '../agent-disk.ts';
import type { AgentParts } from '../agent-parts.ts';
import { requireRepository } from '../plans/known-repositories.ts';
import { checkAllowedPlaces } from '../plans/places.ts';
import { cleanedUp } from './clean-up.ts';
import { commitSlot, voidSlot } from './commit-slot.ts';
import { scopeOf } from './engine-scope.ts';
import { done, isBoundElsewhere, stopped, transferOf } from './engine-work.ts';
import { waitForTurn } from './room.ts';
import { slowRunWatch } from './slow-run.ts';
import { workOf } from './task-work.ts';

/** How often a transfer looks whether its engine still moves bytes. */
const stallCheckMs = 1_000;

export function runEffectsOf(parts: AgentParts): typeof runEffects {
  const { engineRuns, turns, hooks, pings } = parts;
  const { runEffect: effect, patientEffect } = effectsOn(parts.config.data);
  const askedOf = async (input: RunEffectInput, signal: AbortSignal) => ({
    input,
    scope: await scopeOf(input, parts, signal),
    parts,
    signal,
  });

  return {
    waitForSlot: effect<void, RunEffectInput>(({ input: { run }, signal, tell }) =>
      isBoundElsewhere(run, parts) ? aborted(signal) : waitForTurn({ run, turns, config: parts.config, tell, signal }),
    ),

    prepare: effect<void, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      turns.hold(turnOf(run));
      pings.started(run);
      await permitted(() => checkAllowedPlaces(run, parts.config));
      if (run.task === 'backup' || run.task === 'prune') await requireRepository(run, parts, signal);
      await engineRuns.directory(run.id); // by which this agent knows later that something of it began here
      await hooks.before(run, signal);
      await workOf(run).prepare(await askedOf(input, signal));
    }),

    transfer: effect<TransferOutput, RunEffectInput>(async ({ input, signal, tell }) => {
      const { run } = input;
      turns.hold(turnOf(run));
      const stallMs = run.policy.deadlinesMs.stall;
      const lookIfSlow = slowRunWatch(run, parts);
      const watch = setInterval(() => {
        lookIfSlow();
        if (stallMs !== undefined && engineRuns.stalledMs(run.id) > stallMs) tell({ type: 'engine.stalled' });
      }, stallCheckMs);
      try {
        return await workOf(run).transfer(await askedOf(input, signal));
      } finally {
        clearInterval(watch);
      }
    }),

    proveCompletion: effect<void, RunEffectInput>(async ({ input, signal }) => {
      const scope = await scopeOf(input, parts, signal);
      await done(engineOf(input.run.document).prove(scope, signal), 'prove', input, parts, signal);
    }),

    commit: patientEffect<SlotOutput, RunEffectInput>(({ input, signal }) => commitSlot(input, parts, signal)),

    stopEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) => stopped(run, parts)),

    suspendEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) => stopped(run, parts)),

    letGo: effect<void, RunEffectInput>(async ({ input: { run } }) => engineRuns.letGo(run.id)),

    reattach: effect<ReattachOutput, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      const { leftProcess, isResumable } = workOf(run);
      if (!leftProcess) return { found: 'gone', resumable: true, reason: 'engine-failed' };
      const { key, step } = await leftProcess(await askedOf(input, signal));
      const found = await engineRuns.reattach({ ...transferOf(input, parts), key }, step);
      if (found === 'alive' || found === 'ended') return { found };
      await stopped(run, parts);
      const reason = found === 'rebooted' ? 'rebooted' : 'engine-failed';
      return { found: 'gone', resumable: isResumable(run, parts.config), reason };
    }),

    settleSlot: patientEffect<SlotOutput, RunEffectInput>(({ input, signal }) => voidSlot(input, parts, signal)),

    cleanUp: effect<CleanUpOutput, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      if (isBoundElsewhere(run, parts)) return { kept: run.admitted ? [leftBehind(run)] : [] };
      pings.ended(run);
      const failedHooks = await hooks.finally(run, signal).catch((error: unknown) => [failureOf(error).message]);
      const cleaned = await cleanedUp(input, parts, signal);
      const kept = [...failedHooks, ...cleaned.kept, ...((await workOf(run).cleanUp?.(run, parts)) ?? [])];
      if (run.pids.length === 0 && cleaned.isSettled) await engineRuns.forget(run.id);
      if (run.pids.length > 0) kept.push(`the run directory of ${run.id}: its engine could not be ended`);
      return { kept };
    }),
  };
}

function leftBehind({ agent }: RunContext): string {
  return `whatever it left on the host of agent ${agent}: that agent removes it when it is back`;
}

/** What the agent's file forbids fails a run for good. */
async function permitted(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof AnswerError) throw permanent('engine-failed', error.message, error.hint);
    throw error;
  }
}
