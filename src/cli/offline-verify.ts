/** Checking a repository without NATS or an agent: what is damaged in it, and what of which backup that touches. */
import { AnswerError } from '../core/answer-error.ts';
import { printable } from '../core/printable.ts';
import { formatSize } from '../core/sizes.ts';
import type { CheckedBackup } from '../repository/damage-report.ts';
import type { CheckedData, CheckProgress } from '../repository/pack-check.ts';
import { openRepository } from '../repository/repository.ts';
import { checkRepository, type RepositoryCheck } from '../repository/repository-check.ts';
import { exitStatus } from './exit-status.ts';
import { progressReport } from './progress-report.ts';
import type { Session } from './session.ts';

export interface OfflineVerify {
  /** Absolute path of the repository. */
  repository: string;
  /** Id of the backup that is judged alone; undefined for all. */
  backup: string | undefined;
  data: CheckedData;
}

/**
 * Ends 0 where nothing is damaged, 1 where anything is, and when Ctrl-C stopped it; with `-o json` prints what was found
 * with `sound`, true or false.
 */
export async function verifyOffline(session: Session, { repository, backup, data }: OfflineVerify): Promise<number> {
  const { environment } = session;
  const opened = await openRepository(repository);
  const stopping = new AbortController();
  const stopListening = environment.onInterrupt(() =>
    stopping.abort(
      new AnswerError('refused', `the check of ${repository} was stopped`, 'the same command begins it again'),
    ),
  );
  const report = progressReport(environment.stderr, environment.clock);
  const started = environment.clock.now();
  try {
    const check = await checkRepository({
      repository: opened,
      data,
      ...(backup !== undefined && { backup }),
      signal: stopping.signal,
      onProgress: done =>
        report.show(backup ?? repository, 'verifying', progressNow(done, environment.clock.now() - started)),
    });
    report.end();
    const sound = check.damages.count === 0 && !check.backups.some(({ damaged }) => damaged);
    session.result({ ok: true, sound, ...check }, () => {
      if (sound) session.print(`${printable(backup ?? repository)} is sound: ${extentOf(check, data)}`);
      else session.print(...damageLines(check), ...check.backups.filter(each => each.damaged).flatMap(backupLines));
    });
    return sound ? exitStatus.done : exitStatus.failed;
  } finally {
    report.end();
    stopListening();
  }
}

function progressNow({ bytes, bytesTotal }: CheckProgress, tookMs: number) {
  const rateBytesPerS = tookMs > 500 ? (bytes * 1000) / tookMs : null;
  const etaS = rateBytesPerS ? (bytesTotal - bytes) / rateBytesPerS : null;
  return { bytesDone: bytes, bytesTotal, filesDone: null, filesTotal: null, rateBytesPerS, etaS };
}

/** Such as `2 backups, 12 packs of 180.0 MiB`, and what of their data was not read. */
function extentOf({ backups, packs, bytes }: RepositoryCheck, data: CheckedData): string {
  const unread =
    data === 'structure' ? ', whose data was not read' : data === 'all' ? '' : `, the data of ${data}% read`;
  return `${counted(backups.length, 'backup')}, ${counted(packs, 'pack')} of ${formatSize(bytes)}${unread}`;
}

function damageLines({ damages: { count, first } }: RepositoryCheck): string[] {
  const lines = first.flatMap(({ name, why, hint }, index) => [
    `${printable(name)}: ${printable(why)}`,
    // Once for all that it is for.
    ...(first[index + 1]?.hint === hint ? [] : [`  ${printable(hint)}`]),
  ]);
  return [`${counted(count, 'damage')}:`, ...lines, ...moreLines(count - first.length, 'damage')];
}

function backupLines({ id, plan, why, files }: CheckedBackup): string[] {
  const name = `${printable(id)}${plan === null ? '' : ` of the plan ${printable(plan)}`}`;
  if (why !== undefined) return [`${name} cannot be restored: ${printable(why)}`];
  return [
    `${name}: ${counted(files.count, 'file')} cannot be restored:`,
    ...files.first.map(path => `  ${path}`), // escaped already
    ...moreLines(files.count - files.first.length, 'file'),
  ];
}

function moreLines(count: number, word: string): string[] {
  return count > 0 ? [`  and ${counted(count, `more ${word}`)}`] : [];
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
