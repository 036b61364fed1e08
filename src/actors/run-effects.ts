/** What a run does to the world: the effects of `machines/backup.ts`, by the built-in engine. */
import { access } from 'node:fs/promises';
import type {
  CleanUpOutput,
  ReattachOutput,
  RunEffectInput,
  runEffects,
  SlotOutput,
  StopOutput,
  TransferOutput,
} from '../../machines/run-effects.ts';
import { AnswerError } from '../core/answer-error.ts';
import { FailureError } from '../core/failure.ts';
import type { AgentConfig } from '../domain/agent-config.ts';
import type { CatalogEntry, SlotContent } from '../domain/catalog.ts';
import type { RunContext, RunResult } from '../domain/run.ts';
import type { EngineResultOf } from '../engines/files/events.ts';
import { runDirectory } from '../repository/repository.ts';
import { effect } from '../runtime/effect.ts';
import type { AgentParts } from './agent-parts.ts';
import { checkReached, checkRepository, repositoryName, repositoryOf } from './places.ts';

/** How often a transfer looks whether its engine still moves bytes. */
const stallCheckMs = 1_000;
/** The grace of an engine that is told to stop for good when its plan says nothing. */
const graceDefaultMs = 20_000;

const noneSkipped = { count: 0, first: [], path: null };

export function runEffectsOf(parts: AgentParts): typeof runEffects {
  const { engineRuns, turns, clock } = parts;

  return {
    waitForSlot: effect<void, RunEffectInput>(({ input: { run }, signal }) => turns.take(run, clock.now(), signal)),

    prepare: effect<void, RunEffectInput>(async ({ input: { run } }) => {
      turns.hold(run);
      await permitted(async () => {
        if (run.restore && run.task === 'restore') await checkReached(parts.config, 'restore', run.restore.to);
        if (run.task === 'backup') await checkReached(parts.config, 'read', run.document.engine.path);
        await checkRepository(run.document, parts.config);
      });
    }),

    transfer: effect<TransferOutput, RunEffectInput>(async ({ input: { run, key }, signal, tell }) => {
      turns.hold(run);
      const stallMs = run.policy.deadlinesMs.stall;
      const watch = setInterval(() => {
        if (stallMs !== undefined && engineRuns.stalledMs(run.id) > stallMs) tell({ type: 'engine.stalled' });
      }, stallCheckMs);
      try {
        return await transferOf(run, key, parts, signal);
      } finally {
        clearInterval(watch);
      }
    }),

    proveCompletion: effect<void, RunEffectInput>(async ({ input: { run } }) => {
      if (run.result.manifest !== null) return;
      throw permanent(
        'proof-missing',
        'the engine ended without a manifest',
        'look at its log; the next run starts anew',
      );
    }),

    commit: effect<SlotOutput, RunEffectInput>(async ({ input: { run, key }, signal }) => {
      const { manifest } = run.result;
      if (manifest === null) throw permanent('proof-missing', 'there is no manifest to commit', '');
      const outcome = run.staged?.outcome === 'partial' ? ('partial' as const) : ('completed' as const);
      const repository = repositoryOf(run.document, parts.config).path;
      const job = { task: 'commit' as const, run: run.id, repository, manifest, outcome };
      const { slot } = await engineRuns.run<'commit'>(run.id, `${key}/commit`, job, signal);
      return await entered(run, slot, parts);
    }),

    stopEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) =>
      engineRuns.stop(run.id, { graceMs: graceOf(run, clock.now()) }),
    ),

    suspendEngine: effect<StopOutput, RunEffectInput>(({ input: { run } }) =>
      engineRuns.stop(run.id, { graceMs: graceOf(run, clock.now()) }),
    ),

    reattach: effect<ReattachOutput, RunEffectInput>(async ({ input: { run } }) => {
      const found = await engineRuns.reattach(run.id, run.task);
      if (found === 'alive' || found === 'ended') return { found };
      // What it stored is found again.
      await engineRuns.stop(run.id, { graceMs: graceDefaultMs });
      return { found: 'gone', resumable: true, reason: found === 'rebooted' ? 'rebooted' : 'engine-failed' };
    }),

    settleSlot: effect<SlotOutput, RunEffectInput>(async ({ input: { run, key }, signal }) => {
      const repository = repositoryOf(run.document, parts.config).path;
      const epoch = parts.runtime.find(run.task, run.id)?.record.owner?.epoch ?? 0;
      const job = { task: 'void' as const, run: run.id, repository, epoch };
      const { slot } = await engineRuns.run<'void'>(run.id, `${key}/void`, job, signal);
      return await entered(run, slot, parts);
    }),

    cleanUp: effect<CleanUpOutput, RunEffectInput>(async ({ input: { run, key }, signal }) => {
      const kept: string[] = [];
      const repository = repositoryOf(run.document, parts.config).path;
      if (run.slot !== 'none' && (await hasTemporaryFiles(repository, run.id))) {
        const job = { task: 'discard' as const, run: run.id, repository };
        await engineRuns.run<'discard'>(run.id, `${key}/discard`, job, signal).catch(error => {
          kept.push(`temporary files of ${run.id} in ${repository}: ${error instanceof Error ? error.message : error}`);
        });
      }
      if (run.pids.length === 0) await engineRuns.forget(run.id);
      else kept.push(`the run directory of ${run.id}: its engine could not be ended`);
      turns.give(run.id);
      return { kept };
    }),
  };
}

/** Deciding the slot removed what was temporary, unless that failed or the slot could not be decided. */
async function hasTemporaryFiles(repository: string, run: string): Promise<boolean> {
  return await access(runDirectory({ path: repository, id: '' }, run)).then(
    () => true,
    () => false,
  );
}

async function transferOf(
  run: RunContext,
  key: string,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<TransferOutput> {
  const { engineRuns } = parts;
  const repository = repositoryOf(run.document, parts.config).path;
  if (run.task === 'backup') {
    const { type: _, ...source } = run.document.engine;
    const job = {
      task: 'backup' as const,
      run: run.id,
      plan: run.plan,
      source,
      repository,
      excludeDirs: [parts.config.data],
      tolerate: run.policy.tolerate,
      guard: run.policy.guard,
      previous: await previousOf(run, parts, signal),
      rescan: run.rescan,
      ...limitOf(parts.config),
    };
    return outputOf(await engineRuns.run<'backup'>(run.id, key, job, signal));
  }
  if (!run.restore) throw permanent('engine-failed', `${run.task} ${run.id} names no backup`, '');
  const { backup, to, include } = run.restore;
  if (run.task === 'restore') {
    const done = await engineRuns.run<'restore'>(
      run.id,
      key,
      { task: 'restore', repository, backup, to, include },
      signal,
    );
    return { outcome: 'completed', reason: null, result: resultOf(done), skipped: noneSkipped };
  }
  const checked = await engineRuns.run<'verify'>(run.id, key, { task: 'verify', repository, backup }, signal);
  return await verdictOf(backup, checked, parts, signal);
}

/** Each run has its share, so that as many as may run at once keep to the limit together. */
function limitOf({ limits }: AgentConfig): { bytesPerSecond?: number } {
  const { bytesPerSecond, runs } = limits;
  return bytesPerSecond === null ? {} : { bytesPerSecond: Math.max(1, Math.floor(bytesPerSecond / runs)) };
}

function outputOf(staged: EngineResultOf<'backup'>): TransferOutput {
  const { outcome, reason, message, hint, bytes, files, bytesStored, manifest, skipped } = staged;
  return { outcome, reason, message, hint, result: { bytes, files, bytesStored, position: null, manifest }, skipped };
}

async function verdictOf(
  backup: string,
  checked: EngineResultOf<'verify'>,
  { entries, clock }: AgentParts,
  signal: AbortSignal,
): Promise<TransferOutput> {
  const result = resultOf(checked);
  if (checked.damaged.count > 0) {
    const message = `${checked.damaged.count} chunks of backup ${backup} are damaged or missing`;
    const hint = 'restore what you can from another backup; the next backup stores what it finds missing';
    return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
  }
  const verifiedAt = new Date(clock.now()).toISOString();
  await entries.update(backup, entry => ({ ...entry, verifiedAt }), signal);
  return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
}

function resultOf({ bytes, files }: { bytes: number; files: number }): RunResult {
  return { bytes, files, bytesStored: null, position: null, manifest: null };
}

/** What the slot says, once the catalog says it too, or will as soon as NATS is back. */
async function entered(run: RunContext, slot: SlotContent, { entries }: AgentParts): Promise<SlotOutput> {
  if (slot.slot === 'void') return { slot: 'void' };
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
  };
  await entries.add(entry);
  return { slot: 'manifest', outcome: slot.outcome };
}

async function previousOf(
  run: RunContext,
  { entries }: AgentParts,
  signal: AbortSignal,
): Promise<{ files: number; bytes: number } | null> {
  const backups = await entries.list(run.plan, signal);
  const last = backups.find(({ outcome, id }) => outcome === 'completed' && id !== run.id);
  return last ? { files: last.files, bytes: last.bytes } : null;
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

function permanent(code: string, message: string, hint: string): FailureError {
  return new FailureError({ kind: 'permanent', code, message, hint });
}
