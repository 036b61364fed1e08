/**
 * The transfer of a drill: the restore of its engine into a scratch, then the process that holds what came against the
 * backup.
 *
 * 1. Each is a process of the run with a key of its own, so an agent that comes back follows whichever runs. That the
 *    restore is done stands in the run's directory, for its key; under another key the drill begins anew.
 * 2. A restore always begins in an empty scratch, so it may be begun again whatever is known of the last one.
 * 3. A backup that came back whole is marked in the catalog, and so is its plan, whose mark outlives the backup.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import { FailureError } from '../../core/failure.ts';
import { timeText } from '../../core/time-text.ts';
import type { TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../../engines/engine.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent } from '../../engines/failures.ts';
import type { AgentParts } from '../agent-parts.ts';
import type { RunOfEngine } from './followed-engines.ts';
import { intoScratch } from './scratch.ts';

export interface DrillPhase {
  is: 'restore' | 'compare';
  key: string;
  step: EngineStep<TransferOutput>;
}

const fileName = 'drill.json';

/** What is to be done next of a drill, or is being done. */
export async function drillPhase({ key, run }: RunEffectInput, scope: EngineScope): Promise<DrillPhase> {
  const { transfer, compare } = engineOf(run.document);
  if (compare && (await isRestored(scope, key))) return { is: 'compare', key: `${key}/compare`, step: compare(scope) };
  return { is: 'restore', key, step: intoScratch(transfer(scope), scope) };
}

/** Resolves with what the drill came to; rejects as a transfer does. */
export async function transferDrill(
  input: RunEffectInput,
  scope: EngineScope,
  ofEngine: RunOfEngine,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<TransferOutput> {
  const work = async ({ key, step }: DrillPhase) =>
    await parts.engineRuns.run({ ...ofEngine, key, isRepeatable: true }, step, signal).catch(asOfDrill);
  const phase = await drillPhase(input, scope);
  let output = await work(phase);
  if (phase.is === 'restore' && engineOf(input.run.document).compare) {
    await scope.directory.writeJob({ key: input.key }, fileName);
    const counted = output.result;
    output = await work(await drillPhase(input, scope));
    output = { ...output, result: { ...output.result, bytes: counted.bytes, files: counted.files } };
  }
  if (output.outcome === 'completed') await markDrilled(input, parts, signal);
  return output;
}

async function isRestored({ directory }: EngineScope, key: string): Promise<boolean> {
  const text = await readFile(join(directory.path, fileName), 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { key?: unknown }).key === key;
}

/** It writes to the agent's own disk alone, so that is what was full, whichever words its engine has for it. */
function asOfDrill(error: unknown): never {
  if (error instanceof FailureError && ['target-full', 'repository-full'].includes(error.failure.code))
    throw permanent('agent-disk-full', error.message, "make room on the disk of `data` of the agent's file", {
      cause: error,
    });
  throw error;
}

/** What a drill brought back was read whole, so the backup is verified too. */
async function markDrilled(
  { run }: RunEffectInput,
  { entries, clock }: AgentParts,
  signal: AbortSignal,
): Promise<void> {
  const at = timeText(clock.now());
  const backup = run.restore?.backup ?? '';
  await entries.update(backup, entry => ({ ...entry, verifiedAt: at, lastVerifiedRestore: at }), signal);
  await entries.drilled({ plan: run.plan, backup, at }, signal);
}
