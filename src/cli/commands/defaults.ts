/** `reeve defaults list`, `show` and `delete`. */
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import { isObject } from '../../view/wire.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { documentLines } from '../shown-document.ts';
import { type Column, tableLines } from '../table.ts';

export function addDefaults(program: Command, cli: Cli): void {
  const defaults = program
    .command('defaults')
    .summary('list, show and delete Defaults: what plans with certain labels have in common')
    .addHelpText('after', examples(['reeve defaults list', 'all'], ['reeve defaults show db > db.yaml', 'to change']));
  defaults
    .command('list')
    .summary('list the Defaults')
    .action(
      cli.action(async (session: Session) => {
        const answer = await session.request('defaults.list');
        const rows = rowsOf(answer.defaults);
        session.result(answer, () => {
          if (rows.length === 0) session.say('no Defaults yet; put some with `reeve apply -f FILE`');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
  defaults
    .command('show')
    .summary('print Defaults as YAML')
    .argument('<name>', 'their name')
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('defaults.get', { name });
        const { ok: _ok, revision, ...document } = answer;
        session.result(answer, () =>
          session.print(...documentLines('Defaults', document, [`revision ${String(revision)}`])),
        );
        return exitStatus.done;
      }),
    );
  defaults
    .command('delete')
    .summary('delete Defaults that every plan can do without')
    .argument('<name>', 'their name')
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('defaults.delete', { name });
        session.result(answer, () => session.print(`defaults ${printable(name)} deleted`));
        return exitStatus.done;
      }),
    );
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'DEFAULTS', cell: row => textOf(row.name) },
  { title: 'MATCH', cell: row => labelsText(row.match) },
  { title: 'GIVE', cell: row => (isObject(row.plan) ? Object.keys(row.plan).join(', ') : undefined) },
];

function labelsText(labels: unknown): string | undefined {
  if (!isObject(labels)) return undefined;
  const words = Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`);
  return words.length > 0 ? words.join(' ') : 'every plan';
}
