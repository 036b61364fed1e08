/** `reeve check`: whether a plan could run, before the night. */
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';

/** The agent's own bound is a minute. */
const patienceMs = 75_000;

export function addCheck(program: Command, cli: Cli): void {
  program
    .command('check')
    .summary('look whether a plan could run')
    .description(
      'The agent to which the plan belongs looks at its source, its repository and room there, its hooks and its engine, and changes nothing. Ends with 0 where all is well, else with 1.',
    )
    .argument('<plan>', 'name of the plan')
    .addHelpText('after', examples(['reeve check photos', 'after it was applied, and after every move of a disk']))
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('plan.check', { name }, { timeoutMs: patienceMs });
        const checks = rowsOf(answer.checks);
        const wrong = checks.filter(({ ok }) => ok !== true);
        session.result(answer, () => {
          session.print(...tableLines(columns, checks));
          session.say(...wrong.filter(({ hint }) => hint).map(({ name, hint }) => `${shown(name)}: ${shown(hint)}`));
        });
        return wrong.length === 0 ? exitStatus.done : exitStatus.failed;
      }),
    );
}

function shown(value: unknown): string {
  return printable(String(value));
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'CHECK', cell: row => textOf(row.name) },
  { title: 'OK', cell: row => (row.ok === true ? 'yes' : 'NO') },
  { title: 'FOUND', cell: row => textOf(row.message) },
];
