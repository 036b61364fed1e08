/**
 * Does a job: the table from tasks to the parts that do them. The large parts are loaded where they are needed: a commit
 * is short, and comes after each backup.
 */
import { FailureError } from '../../core/failure.ts';
import type { SlotContent } from '../../domain/catalog.ts';
import { findBackup, whileStored } from '../../repository/backup-list.ts';
import { settleSlot } from '../../repository/commit-slot.ts';
import { openOrCreateRepository, openRepository } from '../../repository/repository.ts';
import { discardRun } from '../../repository/run-files.ts';
import type { ProgressMeter } from '../progress-meter.ts';
import type { EngineResult } from './events.ts';
import type { Job, JobOf } from './job.ts';

/** Rejects with a failure, or with the signal's reason. */
export async function doJob(job: Job, meter: ProgressMeter, signal: AbortSignal): Promise<EngineResult> {
  switch (job.task) {
    case 'backup':
      return (await import('./backup.ts')).backUp(job, meter, signal);
    case 'commit':
      return { task: 'commit', slot: await commit(job, signal) };
    case 'void':
      return { task: 'void', slot: await voidSlot(job, signal) };
    case 'restore':
      return { task: 'restore', ...(await restore(job, meter, signal)) };
    case 'verify':
      return { task: 'verify', ...(await verify(job, meter, signal)) };
    case 'prune':
      return { task: 'prune', ...(await prune(job, meter, signal)) };
    case 'discard':
      return { task: 'discard', ...(await discardRun(await openRepository(job.repository), job.run)) };
  }
}

async function commit({ repository, ...job }: JobOf<'commit'>, signal: AbortSignal): Promise<SlotContent> {
  const opened = await openRepository(repository);
  const { run, manifest, outcome } = job;
  const wanted: SlotContent = { slot: 'manifest', run, manifest, outcome, at: new Date().toISOString() };
  const slot = await settleSlot(opened, wanted, signal);
  await discardRun(opened, run);
  return slot;
}

/**
 * A run that never reached its repository is voided all the same, so the repository is made where it can be. What the
 * run left there goes with it, also where a commit came first and was killed before it had removed it.
 */
async function voidSlot({ repository, run, epoch }: JobOf<'void'>, signal: AbortSignal): Promise<SlotContent> {
  const opened = await openOrCreateRepository(repository);
  const slot = await settleSlot(opened, { slot: 'void', run, epoch, at: new Date().toISOString() }, signal);
  // What is decided stays decided where this fails: the clean-up finds what was temporary and tries again.
  await discardRun(opened, run).catch(error => {
    if (!(error instanceof FailureError)) throw error;
  });
  return slot;
}

async function restore(job: JobOf<'restore'>, meter: ProgressMeter, signal: AbortSignal) {
  const repository = await openRepository(job.repository);
  const backup = await findBackup(repository, job.backup);
  if (job.include.length === 0) meter.totals = backup.header && { ...backup.header.totals };
  const { to, include } = job;
  const { restoreBackup } = await import('../../repository/restore.ts');
  const onProgress = progressTo(meter);
  const { manifest } = backup;
  return whileStored(repository, backup.id, () =>
    restoreBackup({ repository, manifest, to, include, signal, onProgress }),
  );
}

async function verify(job: JobOf<'verify'>, meter: ProgressMeter, signal: AbortSignal) {
  const repository = await openRepository(job.repository);
  const backup = await findBackup(repository, job.backup);
  meter.totals = backup.header && { ...backup.header.totals };
  const { verifyBackup } = await import('../../repository/verify.ts');
  const { manifest } = backup;
  const verifying = () => verifyBackup({ repository, manifest, signal, onProgress: progressTo(meter) });
  return whileStored(repository, backup.id, verifying, ({ damaged }) => damaged.count > 0);
}

async function prune({ run, backups, ...job }: JobOf<'prune'>, meter: ProgressMeter, signal: AbortSignal) {
  const repository = await openRepository(job.repository);
  const { prune } = await import('../../repository/prune.ts');
  return prune({ repository, run, backups, signal, onProgress: progressTo(meter) });
}

function progressTo(meter: ProgressMeter): (done: { bytes: number; files: number }) => void {
  return ({ bytes, files }) => {
    meter.bytesDone = bytes;
    meter.filesDone = files;
  };
}
