/** `reeve watch`: each transition in the cluster, as it happens. */
import type { Command } from 'commander';
import { recordOf } from '../../view/wire.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { tellLink } from '../tell-link.ts';
import { transitionLine } from '../transition-line.ts';

export function addWatch(program: Command, cli: Cli): void {
  program
    .command('watch')
    .summary('print each transition as it happens')
    .description(
      'Prints a line a transition until Ctrl-C; with `-o json` a record a line. The live feed is a hint: `reeve history` has all.',
    )
    .addHelpText('after', examples(['reeve watch', 'for people'], ['reeve watch -o json | jq .state', 'for programs']))
    .action(
      cli.action(async (session: Session) => {
        const client = await session.client();
        const { promise, resolve } = Promise.withResolvers<void>();
        const ends = [
          client.onEvent(value => {
            const record = recordOf(value);
            if (record) session.print(session.json ? JSON.stringify(value) : transitionLine(record, session.colours));
          }),
          session.environment.onInterrupt(resolve),
        ];
        tellLink(session, client);
        session.say(`watching ${client.shownUrl}; Ctrl-C ends it`);
        await promise;
        for (const end of ends) end();
        return exitStatus.done;
      }),
    );
}
