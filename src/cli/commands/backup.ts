/** `reeve backup` starts a backup; `reeve backups` lists those that exist. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatSize } from '../../core/sizes.ts';
import type { ManifestHeader } from '../../repository/manifest.ts';
import { openRepository } from '../../repository/repository.ts';
import { rowsOf, shownReference } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import { type FollowOptions, followRun, noteOption, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';
import { showStoredBackups } from '../stored-backups.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

export function addBackup(program: Command, cli: Cli): void {
  program
    .command('backup')
    .summary('start a backup of a plan')
    .description(
      'Starts a backup and prints its id. With --wait shows its progress, and ends with the status of its ending; Ctrl-C then leaves the backup going (status 6).',
    )
    .argument('<plan>', 'name of the plan')
    .addOption(waitOption)
    .addOption(timeoutOption)
    .option('--rescan', 'read every file, also those that have not changed since the last backup')
    .addOption(noteOption)
    .addHelpText(
      'after',
      examples(
        ['reeve backup photos', 'start and return'],
        ['reeve backup photos --wait --timeout 2h', 'start and see how it ends'],
      ),
    )
    .action(
      cli.action(
        async (session: Session, plan: string, options: FollowOptions & { note?: string; rescan?: boolean }) => {
          const started = await session.request('backup.start', {
            plan,
            ...(options.note !== undefined && { note: options.note }),
            ...(options.rescan && { rescan: true }),
          });
          return followRun(session, 'backup', started, options);
        },
      ),
    );
  program
    .command('backups')
    .summary('list the backups that exist')
    .description(
      'Lists the restore points: backups that are complete and can be restored. With --repository it reads the repository itself, and needs neither NATS nor an agent.',
    )
    .argument('[plan]', 'only those of this plan')
    .option('--repository <path>', 'read this repository without NATS')
    .addHelpText(
      'after',
      examples(
        ['reeve backups', 'all'],
        ['reeve backups photos -o json', 'those of one plan, as JSON'],
        ['reeve backups --repository /backup/files', 'with nothing but the repository'],
      ),
    )
    .action(
      cli.action(async (session: Session, plan: string | undefined, options: { repository?: string }) => {
        if (options.repository !== undefined) {
          const repository = await openRepository(resolve(session.environment.directory, options.repository));
          await showStoredBackups(session, repository, ({ header }) => isOf(header, plan));
          return exitStatus.done;
        }
        const answer = await session.request('catalog.list', plan === undefined ? {} : { plan });
        const rows = rowsOf(answer.backups);
        session.result(answer, () => {
          if (rows.length === 0) session.say('no backups yet; start one with `reeve backup PLAN`');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
}

/** A backup whose manifest cannot be read may be anybody's: it is never left out. */
function isOf(header: ManifestHeader | null, plan: string | undefined): boolean {
  return plan === undefined || header === null || header.plan === plan;
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'BACKUP', cell: row => String(row.id) },
  { title: 'PLAN', cell: row => String(row.plan) },
  { title: 'OUTCOME', cell: row => String(row.outcome) },
  { title: 'COMPLETED', cell: row => shownTime(row.completedAt) },
  { title: 'SIZE', cell: row => (typeof row.bytes === 'number' ? formatSize(row.bytes) : null), align: 'end' },
  { title: 'VERIFIED', cell: row => shownTime(row.verifiedAt) },
  { title: 'REPOSITORY', cell: row => shownReference(row.repository) },
  { title: 'STATE', cell: row => (row.deleting === true ? 'deleting' : row.locked === true ? 'locked' : null) },
];
