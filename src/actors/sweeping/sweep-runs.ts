/** What runs left in the agent's own data: their directories, with what those name elsewhere, and scratches of drills. */
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contextOf } from '../../../machines/run-context.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { FailureError, failureOf } from '../../core/failure.ts';
import { type RunContext, runOf } from '../../domain/run.ts';
import { turnOf } from '../../domain/turn.ts';
import { engineOf } from '../../engines/engines.ts';
import { pidsOfRun } from '../../runner/local-runs.ts';
import { RunDirectory, runsWithDirectory } from '../../runner/run-directory.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { cleanedUp } from '../runs/clean-up.ts';
import { settledRun } from '../runs/commit-slot.ts';
import { fateOf, planOfRun } from '../runs/run-fate.ts';
import { runPolicyOf } from '../runs/run-policy.ts';
import { removeScratch, runsWithScratch, scratchOf } from '../runs/scratch.ts';

export interface Sweep {
  /** When this incarnation of the agent began, in milliseconds since the epoch. */
  sinceMs: number;
  removed: (what: string, where: string, why: string) => void;
  left: (what: string, where: string, why: string) => void;
  signal: AbortSignal;
}

const unknown = 'no record is left of its run, and no process of it lives';

export async function sweepRuns(parts: AgentParts, sweep: Sweep): Promise<void> {
  const { config } = parts;
  for (const id of await runsWithDirectory(config.data)) {
    sweep.signal.throwIfAborted();
    const { is, ...fate } = await fateOf(id, parts);
    if (fate.record) await sweepOver(fate.record, parts, sweep);
    else if (is === 'unknown') await sweepUnknown(id, parts, sweep);
  }
  for (const id of await runsWithScratch(config)) {
    sweep.signal.throwIfAborted();
    const { is, record } = await fateOf(id, parts);
    if (is === 'live' || is === 'other' || pidsOfRun(config.data, id).length > 0) continue;
    const why = record ? `its run is ${record.state}` : unknown;
    if (await removeScratch(config, id)) sweep.removed('scratch of a drill', scratchOf(config, id), why);
  }
}

async function sweepOver(record: ActorRecord, parts: AgentParts, sweep: Sweep): Promise<void> {
  const { id, state } = record;
  const { path } = new RunDirectory(parts.config.data, id);
  if (!(await stat(path).catch(() => undefined))) return; // its run was just ending
  const stopped = await parts.engineRuns.stopLeft(id);
  if (stopped?.gone === false)
    return sweep.left('run directory', path, `its processes could not be ended: ${stopped.pids.join(', ')}`);
  const run = runOf(record);
  if (record.owner?.agent !== parts.config.name) await runHooksAfter(run, path, parts, sweep);
  if (await swept(run, path, parts, sweep)) sweep.removed('run directory', path, `its run is ${state}`);
}

/**
 * Another agent ended the run, which could not run its hooks after: what those before made still is on this host. Where a
 * newer run of its plan is under way, that one's hooks end it.
 */
async function runHooksAfter(run: RunContext, path: string, parts: AgentParts, sweep: Sweep): Promise<void> {
  const { hooks, turns } = parts;
  const ran = join(path, 'hooks-after');
  if (existsSync(ran) || !turns.holdAlone(turnOf(run))) return;
  try {
    const failed = await hooks.finally(run, sweep.signal).catch((error: unknown) => [failureOf(error).message]);
    sweep.signal.throwIfAborted();
    await writeFile(ran, '');
    for (const why of failed) sweep.left('hook of a run', path, why);
  } finally {
    turns.give(run.id);
  }
}

/**
 * Of a run that nobody knows, only what an incarnation before this one left, and only where nothing of it can lie outside
 * that its commit slot does not decide: an engine that releases something would have to know what the run was.
 */
async function sweepUnknown(id: string, parts: AgentParts, sweep: Sweep): Promise<void> {
  const { config, clock } = parts;
  const { path } = new RunDirectory(config.data, id);
  const found = await stat(path).catch(() => undefined);
  if (!found || found.mtimeMs >= sweep.sinceMs) return;
  const left = (why: string) => sweep.left('run directory', path, `no record is left of its run, and ${why}`);
  const pids = pidsOfRun(config.data, id);
  if (pids.length > 0)
    return left(`it has processes: ${pids.join(', ')}; end it with: reeve local cancel ${id} --data ${config.data}`);
  // No run's: a plan's name has no `--`.
  if (id.startsWith('check--')) {
    await parts.engineRuns.forget(id);
    return sweep.removed('run directory', path, 'the check that it was for was cut short');
  }
  const plan = await planOfRun(id, parts);
  if (!plan || engineOf(plan).release || engineOf(plan).slot === 'catalog')
    return left('nobody can tell what it made elsewhere; look at it, and remove it by hand');
  const base = {
    id,
    task: 'backup' as const,
    agent: config.name,
    document: plan,
    policy: runPolicyOf('backup', plan, config),
  };
  const run = contextOf({ ...base, planRevision: 0, restore: null, at: clock.now() });
  if (await swept({ ...run, slot: 'open' }, path, parts, sweep)) sweep.removed('run directory', path, unknown);
}

/** Does what the run's own clean-up would have done, and forgets its directory. False where something had to be left. */
export async function swept(run: RunContext, where: string, parts: AgentParts, sweep: Sweep): Promise<boolean> {
  const { signal } = sweep;
  const key = `${run.id}:sweep`;
  const kept = await settledRun({ key, run: { ...run, pids: [] } }, parts, signal)
    .then(settled => cleanedUp({ key, run: settled }, parts, signal))
    .then(cleaned => cleaned.kept)
    .catch((error: unknown) => [leftFor(error, signal)]);
  signal.throwIfAborted();
  for (const why of kept) sweep.left('leftover of a run', where, why);
  if (kept.length === 0) await parts.engineRuns.forget(run.id);
  return kept.length === 0;
}

/** Why something is left for another time; what is nobody's fault but ours, or the end of the sweep, is thrown on. */
function leftFor(error: unknown, signal: AbortSignal): string {
  const isExpected = error instanceof FailureError || (error instanceof AnswerError && error.code !== 'unavailable');
  if (!isExpected || signal.aborted) throw error;
  return error.message;
}
