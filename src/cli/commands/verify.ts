/** `reeve verify`: a backup through an agent, or a whole repository, or a backup in it, when there is none. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import type { CheckedData } from '../../repository/pack-check.ts';
import { startOn } from '../backup-or-plan.ts';
import { type Cli, examples } from '../cli.ts';
import { verifyOffline } from '../offline-verify.ts';
import { type FollowOptions, followRun, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';

interface Options extends FollowOptions {
  repository?: string;
  data?: CheckedData;
}

export function addVerify(program: Command, cli: Cli): void {
  program
    .command('verify')
    .summary('read a backup, or a whole repository, again and check all of it')
    .description(
      'Reads a backup again and checks all of it. With --repository it checks that repository, or of it what the one backup needs, and needs neither NATS nor an agent; it ends with 1 where anything is damaged.',
    )
    .argument('[backup|plan]', "id of the backup, or a plan's name for its newest; with --repository an id, or nothing")
    .addOption(waitOption)
    .addOption(timeoutOption)
    .addOption(new Option('--repository <path>', 'check this repository without NATS').conflicts(['timeout']))
    .addOption(
      new Option(
        '--data <all|structure|N%>',
        'with --repository: read the data of all packs, of none, or of a share chosen at random (default: all)',
      ).argParser(dataOption),
    )
    .addHelpText(
      'after',
      examples(
        ['reeve verify photos --wait', 'the newest backup of a plan'],
        ['reeve verify --repository /backup/files', 'all of a repository'],
        ['reeve verify --repository /backup/files --data 5%', 'each night another part of its data'],
        ['reeve verify --repository /backup/files photos-20260101T010000Z-4f2a9c', 'what one backup needs'],
      ),
    )
    .action(
      cli.action(async (session: Session, what: string | undefined, options: Options) => {
        if (options.repository !== undefined) {
          const repository = resolve(session.environment.directory, options.repository);
          return verifyOffline(session, { repository, backup: what, data: options.data ?? 'all' });
        }
        if (options.data !== undefined)
          throw new AnswerError('invalid', '--data is for a repository', 'give --repository PATH with it');
        if (what === undefined)
          throw new AnswerError(
            'invalid',
            'nothing to verify was named',
            'give a BACKUP, a PLAN, or --repository PATH',
          );
        return followRun(session, 'verify', await startOn(session, 'verify', what), options);
      }),
    );
}

function dataOption(text: string): CheckedData {
  if (text === 'all' || text === 'structure') return text;
  if (/^(100|[1-9]\d?)%$/.test(text)) return Number(text.slice(0, -1));
  throw new InvalidArgumentError('It is none of: all, structure, or a share from 1% to 100%.');
}
