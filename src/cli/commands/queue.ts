/** `reeve queue`: what waits for its turn. */
import type { Command } from 'commander';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

export function addQueue(program: Command, cli: Cli): void {
  program
    .command('queue')
    .summary('list what waits for its turn')
    .description(
      'Lists the runs that were asked for and have not begun, in the order of each agent, and what they wait for.',
    )
    .option('--agent <agent>', 'only on this agent')
    .addHelpText('after', examples(['reeve queue', 'all'], ['reeve queue --agent nas-1', 'those of one agent']))
    .action(
      cli.action(async (session: Session, { agent }: { agent?: string }) => {
        const answer = await session.request('queue.list', agent === undefined ? {} : { agent });
        const rows = rowsOf(answer.queued);
        session.result(answer, () => {
          if (rows.length === 0) session.say('nothing waits for its turn');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'AGENT', cell: row => textOf(row.agent) },
  { title: '#', cell: row => textOf(row.position), align: 'end' },
  { title: 'RUN', cell: row => textOf(row.id) },
  { title: 'PLAN', cell: row => textOf(row.plan) },
  { title: 'SINCE', cell: row => shownTime(row.since) },
  { title: 'WAITS FOR', cell: row => textOf(row.waitsFor) },
];
