/** `reeve plan list`, `show` and `delete`. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { printable } from '../../core/printable.ts';
import { isObject } from '../../view/wire.ts';
import { rowsOf, shownReference, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { shownText } from '../shown-text.ts';
import { type Column, tableLines } from '../table.ts';

export function addPlan(program: Command, cli: Cli): void {
  const plan = program
    .command('plan')
    .summary('list, show and delete plans')
    .addHelpText(
      'after',
      examples(['reeve plan list', 'all'], ['reeve plan show photos > photos.yaml', 'to change and apply again']),
    );
  plan
    .command('list')
    .summary('list the plans')
    .action(
      cli.action(async (session: Session) => {
        const answer = await session.request('plan.list');
        const rows = rowsOf(answer.plans);
        session.result(answer, () => {
          if (rows.length === 0) session.say('no plans yet; put one with `reeve apply -f FILE`');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
  plan
    .command('show')
    .summary('print a plan as YAML')
    .argument('<plan>', 'its name')
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('plan.get', { name });
        session.result(answer, () => session.print(...documentLines(answer)));
        return exitStatus.done;
      }),
    );
  plan
    .command('delete')
    .summary('delete a plan that nothing hangs on')
    .argument('<plan>', 'its name')
    .option('--keep-backups', 'leave its backups where they are')
    .action(
      cli.action(async (session: Session, name: string, options: { keepBackups?: boolean }) => {
        const answer = await session.request('plan.delete', {
          name,
          ...(options.keepBackups && { keepBackups: true }),
        });
        session.result(answer, () => session.print(`plan ${printable(name)} deleted`));
        return exitStatus.done;
      }),
    );
}

/** The document as it can be applied again: YAML has escapes of its own for most of what a terminal would obey. */
function documentLines(answer: Record<string, unknown>): string[] {
  const { ok: _ok, revision, ...document } = answer;
  const text = stringify({ kind: 'Plan', ...document });
  return [`# revision ${printable(String(revision))}`, ...text.trimEnd().split('\n').map(shownText)];
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'PLAN', cell: row => textOf(row.name) },
  { title: 'ENGINE', cell: row => (isObject(row.engine) ? textOf(row.engine.type) : undefined) },
  { title: 'PATH', cell: row => (isObject(row.engine) ? textOf(row.engine.path) : undefined) },
  { title: 'REPOSITORY', cell: row => shownReference(row.repository) },
  { title: 'STATE', cell: row => textOf(row.state) },
];
