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
import type { CatalogEntry, SlotContent } from '../../domain/catalog.ts';
import type { RunContext } from '../../domain/run.ts';
import { turnOf } from '../../domain/turn.ts';
import { isStep, type Snapshots, type Work } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent, Unsettled } from '../../engines/failures.ts';
import type { StopOrder } from '../../runner/engine-process.ts';
import { timeText } from '../../runtime/step-record.ts';
import { runEffect as effect, patientEffect } from '../agent-disk.ts';
import type { AgentParts } from '../agent-parts.ts';
import { rememberRepository, requireRepository } from '../plans/known-repositories.ts';
import { checkAllowedPlaces, repositoryName } from '../plans/places.ts';
import { condemn, removeCondemned } from '../retention/prune-run.ts';
import { drillPhase, transferDrill } from './drill.ts';
import type { RunOfEngine } from './engine-runs.ts';
import { scopeOf } from './engine-scope.ts';
import { waitForTurn } from './room.ts';
import { refuseWithoutRoom, removeScratch, scratchOf } from './scratch.ts';
import { slowRunWatch } from './slow-run.ts';

/** How often a transfer looks whether its engine still moves bytes. */
const stallCheckMs = 1_000;
/** The grace of an engine that is told to stop for good when its plan says nothing. */
const graceDefaultMs = 20_000;
/** How long after a run's deadline its runner ends the engine, if its agent did not. */
const agentFirstMs = 1_000;

export function runEffectsOf(parts: AgentParts): typeof runEffects {
  const { engineRuns, turns, clock, entries, hooks, pings } = parts;

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
      await hooks.before(run, signal);
      const scope = await scopeOf(input, parts, signal);
      if (run.task === 'drill') await refuseWithoutRoom(scope);
      await engineOf(run.document).prepare?.(scope, signal);
      if (run.task === 'prune') await condemn(input, parts, signal);
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
        const scope = await scopeOf(input, parts, signal);
        if (run.task === 'snapshot') return await snapshotsOf(run).taken(scope);
        if (run.task === 'prune')
          return await removeCondemned(input, parts, signal, async work => {
            const step = await work;
            return isStep(step) ? await engineRuns.run(transferOf(input, parts), step, signal) : step;
          });
        if (run.task === 'drill') return await transferDrill(input, scope, transferOf(input, parts), parts, signal);
        const step = engineOf(run.document).transfer(scope);
        const output = await engineRuns.run(transferOf(input, parts), step, signal);
        if (run.task === 'verify' && run.restore && output.outcome === 'completed')
          await markVerified(run.restore.backup, parts, signal);
        return output;
      } finally {
        clearInterval(watch);
      }
    }),

    proveCompletion: effect<void, RunEffectInput>(async ({ input, signal }) => {
      const scope = await scopeOf(input, parts, signal);
      await done(engineOf(input.run.document).prove(scope, signal), 'prove', input, parts, signal);
    }),

    commit: patientEffect<SlotOutput, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      const { manifest } = run.result;
      if (manifest === null) throw permanent('proof-missing', 'there is nothing to commit', '');
      const outcome = run.staged?.outcome === 'partial' ? ('partial' as const) : ('completed' as const);
      const { slot } = engineOf(run.document);
      if (slot === 'catalog') {
        const at = timeText(clock.now());
        return await entered(
          run,
          await entries.settle({ slot: 'manifest', run: run.id, manifest, outcome, at }, signal),
          parts,
        );
      }
      const work = slot.commit(await scopeOf(input, parts, signal), manifest, outcome);
      return await entered(run, await done(work, 'commit', input, parts, signal), parts);
    }),

    stopEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) => stopped(run, parts)),

    suspendEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) => stopped(run, parts)),

    letGo: effect<void, RunEffectInput>(async ({ input: { run } }) => engineRuns.letGo(run.id)),

    reattach: effect<ReattachOutput, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      // It has no process that could have gone on: it is asked for again, and found.
      if (run.task === 'snapshot' || run.task === 'prune')
        return { found: 'gone', resumable: true, reason: 'engine-failed' };
      const engine = engineOf(run.document);
      const scope = await scopeOf(input, parts, signal);
      const isDrill = run.task === 'drill';
      const { key, step } = isDrill ? await drillPhase(input, scope) : { key: input.key, step: engine.transfer(scope) };
      const found = await engineRuns.reattach({ ...transferOf(input, parts), key }, step);
      if (found === 'alive' || found === 'ended') return { found };
      await engineRuns.stop(run.id, stopOrderOf(run, parts));
      const reason = found === 'rebooted' ? 'rebooted' : 'engine-failed';
      const resumable = isDrill || engine.isResumable(run.document, parts.config);
      return { found: 'gone', resumable, reason };
    }),

    settleSlot: patientEffect<SlotOutput, RunEffectInput>(({ input, signal }) => voided(input, parts, signal)),

    cleanUp: effect<CleanUpOutput, RunEffectInput>(async ({ input, signal }) => {
      const { run } = input;
      if (isBoundElsewhere(run, parts)) return { kept: run.admitted ? [leftBehind(run)] : [] };
      pings.ended(run);
      const failedHooks = await hooks.finally(run, signal).catch((error: unknown) => [failureOf(error).message]);
      const cleaned = await cleanedUp(input, parts, signal);
      const kept = [...failedHooks, ...cleaned.kept];
      if (run.task === 'drill') kept.push(...(await scratchLeft(run, parts)));
      if (run.pids.length === 0 && cleaned.isSettled) await engineRuns.forget(run.id);
      if (run.pids.length > 0) kept.push(`the run directory of ${run.id}: its engine could not be ended`);
      return { kept };
    }),
  };
}

/** Voids the commit slot of a run, or finds what is there. */
async function voided(input: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<SlotOutput> {
  const { run } = input;
  const epoch = parts.runtime.find(run.task, run.id)?.record.owner?.epoch ?? 0;
  const { slot } = engineOf(run.document);
  if (slot === 'catalog') {
    const wanted = { slot: 'void' as const, run: run.id, epoch, at: timeText(parts.clock.now()) };
    return await entered(run, await parts.entries.settle(wanted, signal), parts);
  }
  if (isBoundElsewhere(run, parts)) throw outOfReach(run);
  await requireRepository(run, parts, signal);
  const work = slot.void(await scopeOf(input, parts, signal), epoch);
  return await entered(run, await done(work, 'void', input, parts, signal), parts);
}

/** A run as it is once its commit slot is decided, for whoever cleans up after it. */
export async function settledRun(input: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<RunContext> {
  const { run } = input;
  return run.slot === 'open' ? { ...run, slot: (await voided(input, parts, signal)).slot } : run;
}

/** Removes the scratch of a drill; resolves with why it had to be left, where it had. */
async function scratchLeft({ id, pids }: RunContext, { config }: AgentParts): Promise<string[]> {
  const path = scratchOf(config, id);
  if (pids.length > 0) return [`${path}: its engine could not be ended, and may still write there`];
  return await removeScratch(config, id).then(
    () => [],
    (error: unknown) => [`${path}: ${failureOf(error).message}`],
  );
}

function isBoundElsewhere({ agent }: RunContext, { config }: AgentParts): boolean {
  return agent !== config.name;
}

function leftBehind({ agent }: RunContext): string {
  return `whatever it left on the host of agent ${agent}: that agent removes it when it is back`;
}

/** A path says nothing about which host's disk it means, so nobody but its own agent decides a slot that is a file. */
function outOfReach({ agent, document }: RunContext) {
  const message = `its commit slot is in the repository ${repositoryName(document)} of agent ${agent}, which decides it when it is back`;
  return permanent('repository-unreachable', message, '');
}

async function stopped(run: RunContext, parts: AgentParts): Promise<StopOutput> {
  if (isBoundElsewhere(run, parts)) return { gone: true };
  return await parts.engineRuns.stop(run.id, stopOrderOf(run, parts));
}

/** Rejects once the signal is aborted, with its reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * Releases what was prepared and removes what will never be committed; resolves with what had to be left, and why. The
 * run's directory is still needed where that is not settled.
 */
export async function cleanedUp(
  input: RunEffectInput,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<{ kept: string[]; isSettled: boolean }> {
  const { run } = input;
  const engine = engineOf(run.document);
  const kept: string[] = [];
  let isSettled = true;
  const attempt = async (what: string, work: () => Promise<string[]>) => {
    try {
      kept.push(...(await work()));
    } catch (error) {
      const { message } = failureOf(error);
      if (error instanceof Unsettled) isSettled = false;
      kept.push(error instanceof Unsettled ? message : `${what}: ${message}`);
    }
  };
  const scope = await scopeOf(input, parts, signal);
  await attempt(`what was prepared for ${run.id}`, async () => (await engine.release?.(scope, signal)) ?? []);
  if (run.slot !== 'none')
    await attempt(`what ${run.id} had stored`, () =>
      done(engine.discard(scope, signal), 'discard', input, parts, signal),
    );
  return { kept, isSettled };
}

/** What an engine does beside its transfer, in a process of its own or at once. */
async function done<Output>(
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

/** The transfer's process, with what bounds it though this agent should not come back. */
function transferOf({ run, key }: RunEffectInput, { runtime, config }: AgentParts): RunOfEngine {
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

async function markVerified(backup: string, { entries, clock }: AgentParts, signal: AbortSignal): Promise<void> {
  const verifiedAt = timeText(clock.now());
  await entries.update(backup, entry => ({ ...entry, verifiedAt }), signal);
}

/** What the slot says, once the catalog says it too, or will as soon as NATS is back. */
async function entered(run: RunContext, slot: SlotContent, { entries, config }: AgentParts): Promise<SlotOutput> {
  if (slot.slot === 'void') return { slot: 'void' };
  // What the source keeps is no backup: the catalog lists what `restore.start` can bring back.
  if (run.task === 'snapshot') return { slot: 'manifest', outcome: slot.outcome };
  await rememberRepository(run, config);
  const entry: CatalogEntry = {
    id: run.id,
    plan: run.plan,
    outcome: slot.outcome,
    completedAt: slot.at,
    bytes: run.result.bytes ?? 0,
    files: run.result.files ?? 0,
    repository: repositoryName(run.document),
    position: run.result.position,
    locked: false,
    deleting: false,
    verifiedAt: null,
    window: null,
    manifest: slot.manifest,
    reason: slot.outcome === 'partial' ? (run.staged?.reason ?? null) : null,
  };
  await entries.add(entry);
  return { slot: 'manifest', outcome: slot.outcome };
}

function snapshotsOf({ document }: RunContext): Snapshots {
  const { snapshots } = engineOf(document);
  if (snapshots) return snapshots;
  throw permanent('engine-failed', `the engine ${document.engine.type} makes no snapshots`, '');
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

/** What the agent's file forbids fails a run for good. */
async function permitted(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof AnswerError) throw permanent('engine-failed', error.message, error.hint);
    throw error;
  }
}
