/** The backups of a repository as it has them itself, for commands that ask neither NATS nor an agent. */
import { printable } from '../core/printable.ts';
import { formatSize } from '../core/sizes.ts';
import { listBackups, type StoredBackup } from '../repository/backup-list.ts';
import type { Repository } from '../repository/repository.ts';
import type { Session } from './session.ts';
import { type Column, tableLines } from './table.ts';
import { shownTime } from './times.ts';

/**
 * Shows those that `isWanted` takes, newest first; with `-o json` as `{ok, backups, damagedSlots}`. Slots that cannot be
 * read are named on standard error, whichever are wanted.
 */
export async function showStoredBackups(
  session: Session,
  repository: Repository,
  isWanted: (backup: StoredBackup) => boolean,
): Promise<void> {
  const { backups, damagedSlots } = await listBackups(repository);
  const shown = backups.filter(isWanted);
  session.result({ ok: true, backups: shown, damagedSlots }, () => {
    if (shown.length === 0) session.say(`no backups in ${printable(repository.path)}`);
    else session.print(...tableLines(columns, shown));
  });
  if (damagedSlots.length > 0) session.say(`slots that cannot be read: ${damagedSlots.map(printable).join(', ')}`);
}

const columns: Column<StoredBackup>[] = [
  { title: 'BACKUP', cell: backup => backup.id },
  { title: 'PLAN', cell: backup => backup.header?.plan },
  { title: 'OUTCOME', cell: backup => backup.outcome },
  { title: 'COMPLETED', cell: backup => shownTime(backup.completedAt) },
  { title: 'SIZE', cell: ({ header }) => header && formatSize(header.totals.bytes), align: 'end' },
  { title: 'FILES', cell: ({ header }) => header?.totals.files, align: 'end' },
];
