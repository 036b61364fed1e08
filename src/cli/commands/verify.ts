/** `reeve verify`: reads a backup again, all of it. */
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { isName } from '../../core/ids.ts';
import type { Answer } from '../../nats/client.ts';
import { type Cli, durationOption, examples } from '../cli.ts';
import { type FollowOptions, followRun } from '../run-follow.ts';
import type { Session } from '../session.ts';

export function addVerify(program: Command, cli: Cli): void {
  program
    .command('verify')
    .summary('read a backup again and check all of it')
    .argument('<backup|plan>', "id of the backup, or a plan's name for its newest")
    .option('--wait', 'wait until it has ended')
    .option('--timeout <duration>', 'wait, but no longer than this (status 6)', durationOption)
    .addHelpText('after', examples(['reeve verify photos --wait', 'the newest backup of a plan']))
    .action(
      cli.action(async (session: Session, what: string, options: FollowOptions) =>
        followRun(session, 'verify', await start(session, what), options),
      ),
    );
}

/** A backup of that id, else the newest of a plan of that name. */
async function start(session: Session, what: string): Promise<Answer> {
  try {
    return await session.request('verify.start', { backup: what });
  } catch (error) {
    if (!(error instanceof AnswerError && error.code === 'not-found' && isName(what))) throw error;
    return session.request('verify.start', { plan: what });
  }
}
