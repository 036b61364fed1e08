/** `reeve machines`: the state machines themselves. */
import { type Command, Option } from 'commander';
import { mermaidOf } from '../../view/mermaid.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { tableLines } from '../table.ts';

export function addMachines(program: Command, cli: Cli): void {
  program
    .command('machines')
    .summary('list the state machines; print one')
    .argument('[kind]', 'print the machine of this kind')
    .addOption(new Option('--format <format>', 'form of the machine').choices(['json', 'mermaid']).default('json'))
    .addHelpText(
      'after',
      examples(['reeve machines', 'all'], ['reeve machines backup --format mermaid', 'a diagram, as text']),
    )
    .action(
      cli.action(async (session: Session, kind: string | undefined, options: { format: 'json' | 'mermaid' }) => {
        if (kind === undefined) {
          const answer = await session.request('machine.list');
          session.result(answer, () => session.print(...listLines(answer.machines)));
          return exitStatus.done;
        }
        const answer = await session.request('machine.get', { kind });
        session.result(answer, () => {
          if (options.format === 'json') session.print(JSON.stringify(answer.machine, null, 2));
          else session.environment.stdout.write(mermaidOf(answer.machine));
        });
        return exitStatus.done;
      }),
    );
}

function listLines(machines: unknown): string[] {
  if (Array.isArray(machines) && machines.every(machine => typeof machine === 'string')) return machines;
  return tableLines(
    [
      { title: 'KIND', cell: row => textOf(row.kind) ?? textOf(row.id) },
      { title: 'VERSION', cell: row => textOf(row.version) },
      { title: 'COMMANDS', cell: row => (Array.isArray(row.commands) ? row.commands.join(', ') : undefined) },
    ],
    rowsOf(machines),
  );
}
