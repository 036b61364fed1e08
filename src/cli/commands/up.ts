/** `reeve up`: everything on this machine, with one command. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { listenAddressOf, notAnAddress } from '../../domain/listen-address.ts';
import { type Cli, examples } from '../cli.ts';
import type { Session } from '../session.ts';

interface Options {
  data?: string;
  http: string;
}

export function addUp(program: Command, cli: Cli): void {
  program
    .command('up')
    .summary('bring up NATS, an agent and a first backup on this machine')
    .description(
      'Brings up a NATS server (unless --nats names one), an agent and a first backup of PATH with a live progress bar, then stays until Ctrl-C, which drains.',
    )
    .argument('[path]', 'directory to back up; without it, something real that everyone has')
    .option('--data <dir>', "data directory (default: the platform's state directory)")
    .option('--http <host:port>', 'where it serves /metrics and /healthz', '127.0.0.1:7480')
    .addHelpText(
      'after',
      examples(
        ['reeve up', 'see a first backup'],
        ['reeve up ~/Documents', 'back up a directory of yours'],
        ['reeve up /srv --data /var/lib/reeve', 'keep the data elsewhere'],
      ),
    )
    .action(
      cli.action(async (session: Session, path: string | undefined, options: Options) => {
        const { environment } = session;
        if (!listenAddressOf(options.http))
          throw new AnswerError('invalid', `--http ${options.http} ${notAnAddress}`, 'leave it out for the default');
        return environment.up(
          {
            path: path === undefined ? undefined : resolve(environment.directory, path),
            data: resolve(environment.directory, options.data ?? session.stateDirectory),
            nats: session.nats,
            creds: session.creds,
            ca: session.ca,
            prefix: session.prefix,
            http: options.http,
          },
          environment,
        );
      }),
    );
}
