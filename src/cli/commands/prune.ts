/** `reeve prune` removes what the retention of a plan lets go; `lock`, `unlock` and `delete` are about one backup. */
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import { formatSize } from '../../core/sizes.ts';
import type { Answer } from '../../nats/client.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import { type FollowOptions, followRun, noteOption, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

interface PruneOptions extends FollowOptions {
  dryRun?: boolean;
  note?: string;
}

export function addPrune(program: Command, cli: Cli): void {
  program
    .command('prune')
    .summary('remove the backups that the retention of a plan lets go')
    .description(
      'Starts a run that removes what no rule of the plan keeps, and prints its id. With --dry-run nothing is removed: it tells what would stay and what would go, and why. A plan with a retention is also pruned after each of its backups.',
    )
    .argument('<plan>', 'name of the plan')
    .option('--dry-run', 'only tell what would be kept and removed')
    .addOption(waitOption)
    .addOption(timeoutOption)
    .addOption(noteOption)
    .addHelpText(
      'after',
      examples(
        ['reeve prune photos --dry-run', 'what would stay, by which rule, and what would go'],
        ['reeve prune photos --wait', 'remove it and see how that ends'],
      ),
    )
    .action(
      cli.action(async (session: Session, plan: string, options: PruneOptions) => {
        const { note, dryRun } = options;
        const said = { plan, ...(note !== undefined && { note }), ...(dryRun && { dryRun }) };
        const answer = await session.request('prune.start', said);
        if (!dryRun) return followRun(session, 'prune', answer, options);
        session.result(answer, () => showPreview(session, answer));
        return exitStatus.done;
      }),
    );
  addLocks(program, cli);
  program
    .command('delete')
    .summary('delete one backup, whatever the retention of its plan says')
    .argument('<backup>', 'its id; one that is locked is refused')
    .option('--note <text>', 'words of yours, kept in the history of the run that removes it')
    .addHelpText('after', examples(['reeve delete photos-20260101T010000Z-4f2a9c', 'a run removes it, see reeve ps']))
    .action(
      cli.action(async (session: Session, id: string, { note }: { note?: string }) => {
        const answer = await session.request('backup.delete', { id, ...(note !== undefined && { note }) });
        session.result(answer, () => session.print(`backup ${printable(id)} is being deleted`));
        return exitStatus.done;
      }),
    );
}

function addLocks(program: Command, cli: Cli): void {
  program
    .command('lock')
    .summary('keep a backup from being removed')
    .argument('<backup>', 'its id')
    .option('--until <time>', 'only until then: a time such as 2026-05-01T06:00:00Z, or a duration from now')
    .option('--note <text>', 'words of yours, told by every dry run of a prune')
    .addHelpText(
      'after',
      examples(["reeve lock photos-20260101T010000Z-4f2a9c --until 90d --note 'for the audit'", 'and say why']),
    )
    .action(
      cli.action(async (session: Session, id: string, { until, note }: { until?: string; note?: string }) => {
        const said = { id, ...(until !== undefined && { until }), ...(note !== undefined && { note }) };
        const answer = await session.request('backup.lock', said);
        session.result(answer, () => session.print(`backup ${printable(id)} is locked`));
        return exitStatus.done;
      }),
    );
  program
    .command('unlock')
    .summary('take the lock of a backup away')
    .argument('<backup>', 'its id')
    .option('--note <text>', 'words of yours')
    .addHelpText('after', examples(['reeve unlock photos-20260101T010000Z-4f2a9c', 'the next prune may remove it']))
    .action(
      cli.action(async (session: Session, id: string, { note }: { note?: string }) => {
        const answer = await session.request('backup.unlock', { id, ...(note !== undefined && { note }) });
        session.result(answer, () => session.print(`backup ${printable(id)} is not locked`));
        return exitStatus.done;
      }),
    );
}

function showPreview(session: Session, { keep, remove }: Answer): void {
  const rows = [
    ...rowsOf(keep).map(row => ({ ...row, fate: 'keep' })),
    ...rowsOf(remove).map(row => ({ ...row, fate: 'remove' })),
  ];
  if (rows.length === 0) session.say('the plan has no backups');
  else session.print(...tableLines(columns, rows));
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'FATE', cell: row => textOf(row.fate) },
  { title: 'BACKUP', cell: row => textOf(row.id) },
  { title: 'OUTCOME', cell: row => textOf(row.outcome) },
  { title: 'COMPLETED', cell: row => shownTime(row.completedAt) },
  { title: 'SIZE', cell: row => (typeof row.bytes === 'number' ? formatSize(row.bytes) : null), align: 'end' },
  { title: 'WHY', cell: row => (Array.isArray(row.reasons) ? row.reasons.map(String).join(', ') : null) },
];
