/** `reeve snapshot` has a plan's source make a snapshot that it keeps; `reeve snapshots` lists those. */
import type { Command } from 'commander';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import { type FollowOptions, followRun, noteOption, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

export function addSnapshot(program: Command, cli: Cli): void {
  program
    .command('snapshot')
    .summary('have the source of a plan make a snapshot, and keep it there')
    .description(
      "Starts a run that makes a snapshot in the plan's source, which keeps it, and prints the id of the run. It is no backup: it is lost with the source. With --wait it ends with the status of its ending; Ctrl-C then leaves the run going (status 6).",
    )
    .argument('<plan>', 'name of the plan; its engine must be one that makes snapshots, such as victoriametrics')
    .addOption(waitOption)
    .addOption(timeoutOption)
    .addOption(noteOption)
    .addHelpText('after', examples(['reeve snapshot metrics --wait', 'make one, and see its name']))
    .action(
      cli.action(async (session: Session, plan: string, options: FollowOptions & { note?: string }) => {
        const { note } = options;
        const started = await session.request('snapshot.start', { plan, ...(note !== undefined && { note }) });
        return followRun(session, 'snapshot', started, options);
      }),
    );
  program
    .command('snapshots')
    .summary('list the snapshots that were made and kept')
    .description(
      'Lists the runs that left a snapshot in the source of their plan, but for those that a prune has deleted. Their names there are told by `reeve show ID`; whether somebody has deleted one there since is not looked at.',
    )
    .argument('[plan]', 'only those of this plan')
    .addHelpText('after', examples(['reeve snapshots', 'all'], ['reeve snapshots metrics', 'those of one plan']))
    .action(
      cli.action(async (session: Session, plan: string | undefined) => {
        const wanted = { state: 'completed', ...(plan !== undefined && { plan }) };
        const answer = await session.request('snapshot.list', wanted);
        const rows = rowsOf(answer.snapshots).filter(({ deletedAt }) => typeof deletedAt !== 'string');
        session.result(answer, () => {
          if (rows.length === 0) session.say('no snapshots yet; make one with `reeve snapshot PLAN`');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'SNAPSHOT', cell: row => textOf(row.id) },
  { title: 'PLAN', cell: row => textOf(row.plan) },
  { title: 'STARTED', cell: row => shownTime(row.startedAt) },
  { title: 'ENDED', cell: row => shownTime(row.endedAt) },
];
