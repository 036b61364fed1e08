/** `reeve drill`: restores a backup into a scratch directory, compares it and removes it again. */
import type { Command } from 'commander';
import { startOn } from '../backup-or-plan.ts';
import { type Cli, examples } from '../cli.ts';
import { type FollowOptions, followRun, noteOption, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';

export function addDrill(program: Command, cli: Cli): void {
  program
    .command('drill')
    .summary('restore a backup for trial, compare it with what was backed up, and remove it')
    .description(
      "Starts a run that restores a backup into a scratch directory under the agent's data, holds what came against the backup, and removes it again however it ends; prints the id of the run. With --wait it ends with the status of its ending; Ctrl-C then leaves the run going (status 6).",
    )
    .argument('<backup|plan>', "id of the backup, or a plan's name for its newest")
    .addOption(waitOption)
    .addOption(timeoutOption)
    .addOption(noteOption)
    .addHelpText('after', examples(['reeve drill photos --wait', 'try whether the newest backup of a plan comes back']))
    .action(
      cli.action(async (session: Session, what: string, options: FollowOptions & { note?: string }) => {
        const { note } = options;
        const started = await startOn(session, 'drill', what, note === undefined ? {} : { note });
        return followRun(session, 'drill', started, options);
      }),
    );
}
