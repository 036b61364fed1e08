/** VictoriaMetrics, single node, as a run sees it: a snapshot of the run's own, copied by vmbackup or kept there. */
import { repositoryPathOf } from '../../domain/repository-config.ts';
import type { Engine } from '../engine.ts';
import { permanent } from '../failures.ts';
import { backupStep } from './backup.ts';
import { checkAll, versionOf } from './check.ts';
import { compareStep } from './compare.ts';
import { discardDestination, notRemovable, openRepository, proveStored, removeDestination } from './destination.ts';
import { commands, stopSignal } from './facts.ts';
import { restoreStep, takeTarget } from './restore.ts';
import { configOf } from './scope.ts';
import { holdSnapshot, releaseSnapshot } from './snapshot-hold.ts';
import { keepOrRelease, proveListed, snapshots } from './snapshot-run.ts';
import { verifyStep } from './verify.ts';

export const victoriaMetricsEngine: Engine = {
  isResumable: () => true,
  stopSignal: () => stopSignal,
  slot: 'catalog',
  prepare: async (scope, signal) => {
    const { task } = scope.run;
    if (task === 'backup') {
      await versionOf(commands.backup, scope, signal); // before a snapshot is made for nothing
      await openRepository(scope);
      await holdSnapshot(scope, configOf(scope), signal);
    } else if (task === 'snapshot') {
      await holdSnapshot(scope, configOf(scope), signal);
    } else if (task === 'restore' || task === 'drill') {
      await versionOf(commands.restore, scope, signal);
      await takeTarget(scope);
    }
  },
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return backupStep(scope);
    return task === 'verify' ? verifyStep(scope) : restoreStep(scope);
  },
  compare: compareStep,
  prove: async (scope, signal) => {
    if (scope.run.task === 'snapshot') return await proveListed(scope, signal);
    const { manifest } = scope.run.result;
    // Of an object store the last word of vmbackup is the proof: it is said after the marker was written.
    if (manifest !== null) return await proveStored(scope, manifest, scope.run.result, signal);
    throw permanent('proof-missing', 'vmbackup ended without a backup', 'look at its log; the next run starts anew');
  },
  release: (scope, signal) =>
    scope.run.task === 'snapshot' ? keepOrRelease(scope, signal) : releaseSnapshot(scope, configOf(scope), signal),
  discard: async scope => {
    const { slot, id, task } = scope.run;
    if (task === 'snapshot') return []; // it stored nothing in the repository
    if (slot === 'void') return await discardDestination(scope);
    return slot === 'open' ? [`the destination of ${id}: nobody knows whether it was committed`] : [];
  },
  check: checkAll,
  checkPlan: ({ retention, repository }, config) => {
    const known = typeof repository === 'string' ? config.repositories[repository] : undefined;
    if (retention && known?.type === 'vmbackup' && repositoryPathOf(known) === undefined) throw notRemovable(known.url);
  },
  prune: async (scope, backups, signal) => {
    for (const { manifest } of backups) {
      signal.throwIfAborted();
      await removeDestination(scope, manifest);
    }
    return { bytesFreed: null };
  },
  snapshots,
};
