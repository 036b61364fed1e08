/** `reeve plan list`, `show`, `pause`, `resume` and `delete`. */
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { printable } from '../../core/printable.ts';
import { isObject } from '../../view/wire.ts';
import { rowsOf, shownReference, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { documentLines } from '../shown-document.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

export function addPlan(program: Command, cli: Cli): void {
  const plan = program
    .command('plan')
    .summary('list, show, pause and delete plans')
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
        session.result(answer, () => session.print(...shownLines(answer)));
        return exitStatus.done;
      }),
    );
  plan
    .command('pause')
    .summary('start no backup of a plan until it is told to go on')
    .argument('<plan>', 'its name')
    .option('--until <time>', 'it goes on by itself then: a time such as 2026-05-01T06:00:00Z, or a duration from now')
    .option('--note <text>', 'words of yours, told to whoever starts a backup meanwhile')
    .addHelpText(
      'after',
      examples([
        "reeve plan pause photos --until 3d --note 'a new disk'",
        'until then each start is refused with the note',
      ]),
    )
    .action(
      cli.action(async (session: Session, name: string, options: { until?: string; note?: string }) => {
        const { until, note } = options;
        const input = { name, ...(until !== undefined && { until }), ...(note !== undefined && { note }) };
        const answer = await session.request('plan.pause', input);
        session.result(answer, () => session.print(`plan ${printable(name)} is paused`));
        return exitStatus.done;
      }),
    );
  plan
    .command('resume')
    .summary('let a paused plan go on')
    .argument('<plan>', 'its name')
    .option('--note <text>', 'words of yours')
    .addHelpText('after', examples(['reeve plan resume photos', 'backups of it start again']))
    .action(
      cli.action(async (session: Session, name: string, { note }: { note?: string }) => {
        const answer = await session.request('plan.resume', { name, ...(note !== undefined && { note }) });
        session.result(answer, () => session.print(`plan ${printable(name)} goes on`));
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

function shownLines(answer: Record<string, unknown>): string[] {
  const { ok: _ok, revision, paused, overdue, effective, wrong, ...document } = answer;
  const known = [pauseText(paused), overdueText(overdue), wrong && `incomplete: ${String(wrong)}`];
  return documentLines('Plan', document, [
    `revision ${String(revision)}`,
    ...known.flatMap(line => (typeof line === 'string' ? line : [])),
    ...givenLines(effective, document),
  ]);
}

/** What its Defaults make of the plan, field by field, where that differs from what is written. */
function givenLines(effective: unknown, document: Record<string, unknown>): string[] {
  if (!isObject(effective)) return [];
  const given = Object.entries(effective).filter(([field, value]) => !isDeepStrictEqual(document[field], value));
  return [
    'with its Defaults:',
    ...stringify(Object.fromEntries(given))
      .trimEnd()
      .split('\n')
      .map(line => `  ${line}`),
  ];
}

/** `paused until 2026-05-01 06:00:00Z: a new disk`; undefined for a plan that is not. */
function pauseText(paused: unknown): string | undefined {
  if (!isObject(paused)) return undefined;
  const until = paused.until === null ? '' : ` until ${shownTime(paused.until)}`;
  return `paused${until}${typeof paused.note === 'string' ? `: ${paused.note}` : ''}`;
}

/** `overdue: its last complete backup is older than its maxAge of 26h`; undefined for a plan that is not. */
function overdueText(overdue: unknown): string | undefined {
  return isObject(overdue) ? `overdue: ${String(overdue.why)}` : undefined;
}

/** `paused; overdue: ...`, as far as it is so. */
function stateText(row: Record<string, unknown>): string | undefined {
  const wrong = textOf(row.wrong);
  const known = [textOf(row.state), pauseText(row.paused), overdueText(row.overdue), wrong && `incomplete: ${wrong}`];
  const told = known.filter(text => text !== undefined);
  return told.length > 0 ? told.join('; ') : undefined;
}

const columns: Column<Record<string, unknown>>[] = [
  { title: 'PLAN', cell: row => textOf(row.name) },
  { title: 'ENGINE', cell: row => (isObject(row.engine) ? textOf(row.engine.type) : undefined) },
  { title: 'PATH', cell: row => (isObject(row.engine) ? textOf(row.engine.path) : undefined) },
  {
    title: 'REPOSITORY',
    cell: row => shownReference(isObject(row.effective) ? row.effective.repository : row.repository),
  },
  { title: 'STATE', cell: stateText },
];
