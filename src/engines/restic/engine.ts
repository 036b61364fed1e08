/** restic as a run sees it. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { backupStep } from './backup.ts';
import { stopSignal } from './facts.ts';
import { checkAll, clearLeftovers, prepare } from './preparation.ts';
import { pruneStep } from './prune.ts';
import { restoreStep, stagingOf } from './restore.ts';
import { forgetSnapshots, idsOf, snapshotsOfRun } from './snapshots.ts';
import { verifyStep } from './verify.ts';

export const resticEngine: Engine = {
  // What it sent is found again, but for what it had not written into its index yet: ten minutes' worth at most.
  isResumable: () => true,
  stopSignal: () => stopSignal,
  slot: 'catalog',
  prepare,
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return backupStep(scope);
    return task === 'verify' ? verifyStep(scope) : restoreStep(scope);
  },
  prove,
  release,
  discard,
  tidy: clearLeftovers,
  check: checkAll,
  prune: pruneStep,
};

/**
 * The snapshot that is to be committed is in the repository, under this run's tag. Others under that tag are noted for
 * `discard`: a process whose last word was lost has made one, too.
 */
async function prove(scope: EngineScope, signal: AbortSignal): Promise<void> {
  const { manifest } = scope.run.result;
  const made = idsOf(await snapshotsOfRun(scope, signal));
  if (manifest === null || !made.includes(manifest)) {
    const message = `the repository has no snapshot ${manifest ?? ''} of run ${scope.run.id}`;
    throw permanent('proof-missing', message, 'look at its log, and at `restic snapshots`; the next run starts anew');
  }
  if (made.length > 1)
    await scope.directory.writeJob(
      made.filter(id => id !== manifest),
      surplusFile,
    );
}

const surplusFile = 'surplus.json';

/** A run that went well left nothing; of another, what restic could not remove itself. */
async function release(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const { id, task, restore, ending, spent } = scope.run;
  if (task !== 'verify' && restore) await rm(stagingOf(restore.to, id), { recursive: true, force: true });
  const isWell = ending === 'completed' || ending === 'partial';
  const isNeverStarted = spent.transferringMs === 0;
  if (!isWell && !isNeverStarted) await clearLeftovers(scope, signal);
  return [];
}

/** Removes this run's snapshots, but the one that is committed. */
async function discard(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const { id, slot } = scope.run;
  if (slot === 'open') return [`the snapshots of ${id}: nobody could be asked whether one is committed`];
  const unwanted = slot === 'manifest' ? await surplusOf(scope) : await snapshotsOfRun(scope, signal).then(idsOf);
  await forgetSnapshots(scope, unwanted, signal);
  return [];
}

/** What `prove` noted; of a run that went well at once nothing, and restic is not asked. */
async function surplusOf({ directory }: EngineScope): Promise<string[]> {
  const text = await readFile(join(directory.path, surplusFile), 'utf8').catch(() => '[]');
  return JSON.parse(text) as string[];
}
