/** Restoring straight from a repository: what is left to do when neither NATS nor an agent is there. */
import { AnswerError } from '../core/answer-error.ts';
import { printable } from '../core/printable.ts';
import { formatSize } from '../core/sizes.ts';
import { findBackup, listBackups, type StoredBackup, whileStored } from '../repository/backup-list.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { restoreBackup } from '../repository/restore.ts';
import { exitStatus } from './exit-status.ts';
import { progressReport } from './progress-report.ts';
import type { Session } from './session.ts';
import { showStoredBackups } from './stored-backups.ts';

export interface OfflineRestore {
  /** Absolute path of the repository. */
  repository: string;
  /** Id of the backup; undefined for the newest. */
  backup: string | undefined;
  to: string | undefined;
  include: string[];
  /** List the backups instead. */
  dryRun: boolean;
}

/** Ends 0 when all was restored; Ctrl-C stops it, which is `failed`, and leaves a mark that the directory is not complete. */
export async function restoreOffline(session: Session, wanted: OfflineRestore): Promise<number> {
  const repository = await openRepository(wanted.repository);
  if (wanted.dryRun) return listThem(session, repository, wanted.backup);
  if (wanted.to === undefined)
    throw new AnswerError('invalid', 'no directory to restore into was named', 'give --to DIR, empty or new');
  const backup = wanted.backup === undefined ? await newest(repository) : await findBackup(repository, wanted.backup);
  const { environment } = session;
  const stopping = new AbortController();
  const stopListening = environment.onInterrupt(() =>
    stopping.abort(
      new AnswerError('refused', `the restore into ${wanted.to} was stopped`, 'the same command takes it up again'),
    ),
  );
  const report = progressReport(environment.stderr, environment.clock);
  const started = environment.clock.now();
  try {
    const { manifest } = backup;
    const [to, include] = [wanted.to, wanted.include];
    const onProgress = (done: { bytes: number; files: number }) =>
      report.show(backup.id, 'restoring', progressNow(done, backup, wanted, environment.clock.now() - started));
    const { signal } = stopping;
    const { bytes, files, omitted } = await whileStored(repository, backup.id, () =>
      restoreBackup({ repository, manifest, to, include, signal, onProgress }),
    );
    report.end();
    session.result({ ok: true, backup: backup.id, to: wanted.to, bytes, files, omitted }, () => {
      session.print(
        `${printable(backup.id)} restored into ${printable(wanted.to ?? '')}: ${formatSize(bytes)} in ${files} files`,
      );
    });
    if (omitted.count > 0)
      session.say(
        `${omitted.count} sockets, pipes or devices were left out: ${omitted.first.map(printable).join(', ')}`,
      );
    return exitStatus.done;
  } finally {
    report.end();
    stopListening();
  }
}

async function newest(repository: Repository): Promise<StoredBackup> {
  const { backups } = await listBackups(repository);
  const [backup] = backups;
  if (backup) return backup;
  throw new AnswerError('not-found', `the repository ${repository.path} has no backups`, 'check the path');
}

async function listThem(session: Session, repository: Repository, id: string | undefined): Promise<number> {
  if (id !== undefined) await findBackup(repository, id);
  await showStoredBackups(session, repository, backup => id === undefined || backup.id === id);
  return exitStatus.done;
}

function progressNow(
  done: { bytes: number; files: number },
  backup: StoredBackup,
  wanted: OfflineRestore,
  tookMs: number,
) {
  const whole = wanted.include.length === 0;
  const bytesTotal = whole ? (backup.header?.totals.bytes ?? null) : null;
  const rateBytesPerS = tookMs > 500 ? (done.bytes * 1000) / tookMs : null;
  return {
    bytesDone: done.bytes,
    bytesTotal,
    filesDone: done.files,
    filesTotal: whole ? (backup.header?.totals.files ?? null) : null,
    rateBytesPerS,
    etaS: bytesTotal !== null && rateBytesPerS ? (bytesTotal - done.bytes) / rateBytesPerS : null,
  };
}
