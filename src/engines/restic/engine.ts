/** restic as a run sees it. */
import { rm } from 'node:fs/promises';
import type { Engine, EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { backupStep } from './backup.ts';
import { stopSignal } from './facts.ts';
import { checkAll, clearLeftovers, isFirstTry, prepare } from './preparation.ts';
import { restoreStep, stagingOf } from './restore.ts';
import { forgetSnapshots, snapshotsOfRun } from './snapshots.ts';
import { verifyStep } from './verify.ts';

export const resticEngine: Engine = {
  // What it sent is found again, but for what it had not written into its index yet: ten minutes' worth at most.
  isResumable: true,
  stopSignal,
  slot: 'catalog',
  prepare,
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return backupStep(scope);
    return task === 'restore' ? restoreStep(scope) : verifyStep(scope);
  },
  prove,
  release,
  discard,
  check: checkAll,
};

/** The snapshot that is to be committed is in the repository, under this run's tag. */
async function prove(scope: EngineScope, signal: AbortSignal): Promise<void> {
  const { manifest } = scope.run.result;
  const made = await snapshotsOfRun(scope, signal);
  if (manifest !== null && made.some(({ id }) => id === manifest)) return;
  const message = `the repository has no snapshot ${manifest ?? ''} of run ${scope.run.id}`;
  throw permanent('proof-missing', message, 'look at its log, and at `restic snapshots`; the next run starts anew');
}

/** A run that went well at once left nothing; of another, what restic could not remove itself. */
async function release(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const { id, task, restore, ending, slot } = scope.run;
  if (task === 'restore' && restore) await rm(stagingOf(restore.to, id), { recursive: true, force: true });
  const isWell = (ending === 'completed' || ending === 'partial') && isFirstTry(scope);
  const neverStarted = task === 'backup' && slot === 'none';
  if (!isWell && !neverStarted) await clearLeftovers(scope, signal);
  return [];
}

/** Removes this run's snapshots but the one that is committed: an attempt whose last word was lost leaves one, too. */
async function discard(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const { id, slot, result } = scope.run;
  if (slot === 'open') return [`the snapshots of ${id}: nobody could be asked whether one is committed`];
  if (slot === 'manifest' && isFirstTry(scope)) return [];
  const wanted = slot === 'manifest' ? result.manifest : null;
  const left = (await snapshotsOfRun(scope, signal)).filter(snapshot => snapshot.id !== wanted);
  await forgetSnapshots(
    scope,
    left.map(snapshot => snapshot.id),
    signal,
  );
  return [];
}
