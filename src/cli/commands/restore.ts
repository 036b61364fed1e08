/** `reeve restore`: through an agent, or straight from a repository when there is none. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { formatSize } from '../../core/sizes.ts';
import { textOf } from '../answer-rows.ts';
import { type Cli, eachOption, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import { restoreOffline } from '../offline-restore.ts';
import { type FollowOptions, followRun, timeoutOption, waitOption } from '../run-follow.ts';
import type { Session } from '../session.ts';
import { fieldLines } from '../table.ts';

interface Options extends FollowOptions {
  plan?: string;
  at?: string;
  on?: string;
  to?: string;
  include?: string[];
  dryRun?: boolean;
  repository?: string;
}

export function addRestore(program: Command, cli: Cli): void {
  program
    .command('restore')
    .summary('restore a backup into an empty or new directory')
    .description(
      "Restores a backup. The contents of the plan's path land directly in the directory, which must be empty or new. With --repository it reads the repository itself, and needs neither NATS nor an agent.",
    )
    .argument('[backup]', 'id of the backup; with --repository, the newest one is the default')
    .option('--plan <plan>', 'the newest backup of this plan, instead of an id')
    .option('--at <time|position|latest>', 'with --plan: which state; this version restores only the latest')
    .option('--on <agent>', 'the agent that restores')
    .option('--to <dir>', 'the directory; empty or new')
    .option('--include <glob>', 'only what matches, may be given several times', eachOption)
    .option('--dry-run', 'say what would be restored, and restore nothing')
    .addOption(waitOption)
    .addOption(timeoutOption)
    .addOption(
      new Option('--repository <path>', 'read this repository without NATS').conflicts(['plan', 'on', 'timeout']),
    )
    .addHelpText(
      'after',
      examples(
        ['reeve restore --plan photos --to /restore/photos --wait', 'the newest backup of a plan'],
        ['reeve restore photos-20260101T010000Z-4f2a9c --to /tmp/x --include "*.jpg"', 'a part of one backup'],
        ['reeve restore --repository /backup/files --to /tmp/x', 'with nothing but the repository'],
      ),
    )
    .action(
      cli.action(async (session: Session, backup: string | undefined, options: Options) => {
        const to = options.to === undefined ? undefined : resolve(session.environment.directory, options.to);
        if (options.at !== undefined && options.plan === undefined) throw atWithoutPlan(options.at);
        if (options.repository !== undefined) {
          const repository = resolve(session.environment.directory, options.repository);
          return restoreOffline(session, {
            repository,
            backup,
            to,
            include: options.include ?? [],
            dryRun: options.dryRun === true,
          });
        }
        const which = chosen(backup, options);
        if (to === undefined) throw missingTarget();
        const input = { ...which, to, ...more(options) };
        const answer = await session.request('restore.start', input);
        if (!options.dryRun) return followRun(session, 'restore', answer, options);
        session.result(answer, () => session.print(...dryRunLines(answer)));
        return exitStatus.done;
      }),
    );
}

export function missingTarget(): AnswerError {
  return new AnswerError('invalid', 'no directory to restore into was named', 'give --to DIR, empty or new');
}

/** Rather than restore something else than was asked for. */
function atWithoutPlan(at: string): AnswerError {
  return new AnswerError(
    'invalid',
    `--at ${at} is for the backups of a plan`,
    'give --plan PLAN with it, or a BACKUP alone',
  );
}

function chosen(backup: string | undefined, { plan, at }: Options): Record<string, string> {
  if ((backup === undefined) === (plan === undefined))
    throw new AnswerError(
      'invalid',
      'what to restore is one backup, or one plan',
      'give a BACKUP (see `reeve backups`), or --plan PLAN',
    );
  if (backup !== undefined) return { backup };
  return { plan: plan ?? '', ...(at !== undefined && at !== 'latest' && { at }) };
}

function more({ on, include, dryRun }: Options): Record<string, unknown> {
  return { ...(on !== undefined && { on }), ...(include && { include }), ...(dryRun && { dryRun: true }) };
}

function dryRunLines(answer: Record<string, unknown>): string[] {
  const { ok: _, bytes, ...rest } = answer;
  const shown = Object.entries(rest).map(([name, value]) => [name, textOf(value) ?? JSON.stringify(value)] as const);
  return fieldLines([...shown, ['bytes', typeof bytes === 'number' ? formatSize(bytes) : undefined]]);
}
