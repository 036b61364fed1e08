/** `reeve schedule list`, `show`, `preview`, `pause`, `resume`, `trigger` and `delete`. */
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import type { Answer } from '../../nats/client.ts';
import { isObject } from '../../view/wire.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, countOption, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { documentLines } from '../shown-document.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

type Row = Record<string, unknown>;

interface Told {
  plan?: string;
  until?: string;
  note?: string;
}

export function addSchedule(program: Command, cli: Cli): void {
  const schedule = program
    .command('schedule')
    .summary('list, show, preview, pause and trigger schedules')
    .addHelpText(
      'after',
      examples(
        ['reeve schedule list', 'all: how they stand, and when they come next'],
        ['reeve schedule preview nightly', 'its next ticks'],
      ),
    );
  addList(schedule, cli);
  addShow(schedule, cli);
  addPreview(schedule, cli);
  for (const told of commandsToActors) addCommand(schedule, cli, told);
  schedule
    .command('delete')
    .summary('delete a schedule; what it started goes on')
    .argument('<schedule>', 'its name')
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('schedule.delete', { name });
        session.result(answer, () => session.print(`schedule ${printable(name)} deleted`));
        return exitStatus.done;
      }),
    );
}

function addList(schedule: Command, cli: Cli): void {
  schedule
    .command('list')
    .summary('list the schedules')
    .action(
      cli.action(async (session: Session) => {
        const answer = await session.request('schedule.list');
        const rows = rowsOf(answer.schedules);
        session.result(answer, () => {
          if (rows.length === 0) session.say('no schedules yet; put one with `reeve apply -f FILE`');
          else session.print(...tableLines(columns, rows));
        });
        return exitStatus.done;
      }),
    );
}

function addShow(schedule: Command, cli: Cli): void {
  schedule
    .command('show')
    .summary('print a schedule as YAML, with how it stands')
    .argument('<schedule>', 'its name')
    .action(
      cli.action(async (session: Session, name: string) => {
        const answer = await session.request('schedule.get', { name });
        session.result(answer, () => session.print(...shownLines(answer)));
        return exitStatus.done;
      }),
    );
}

function addPreview(schedule: Command, cli: Cli): void {
  schedule
    .command('preview')
    .summary('list the next ticks of a schedule, in its own zone')
    .argument('<schedule>', 'its name')
    .option('--plan <plan>', 'of a schedule for several plans: the ticks of this one, with its spread')
    .option('--count <count>', 'how many; 10 unless given', countOption)
    .addHelpText('after', examples(['reeve schedule preview nightly --count 3', 'the next three']))
    .action(
      cli.action(async (session: Session, name: string, { plan, count }: { plan?: string; count?: number }) => {
        const input = { name, ...(plan !== undefined && { plan }), ...(count !== undefined && { count }) };
        const answer = await session.request('schedule.preview', input);
        const ticks = rowsOf(answer.ticks);
        session.result(answer, () => {
          if (ticks.length === 0) session.say('it never comes again');
          else session.print(...tableLines(tickColumns, ticks));
        });
        return exitStatus.done;
      }),
    );
}

interface CommandToActors {
  verb: 'pause' | 'resume' | 'trigger';
  summary: string;
  until: boolean;
  done: (session: Session, name: string, answer: Answer) => void;
}

const commandsToActors: CommandToActors[] = [
  {
    verb: 'pause',
    summary: 'start nothing until it is told to go on',
    until: true,
    done: (session, name) => session.print(`schedule ${printable(name)} is paused`),
  },
  {
    verb: 'resume',
    summary: 'let a paused schedule go on',
    until: false,
    done: (session, name) => session.print(`schedule ${printable(name)} goes on`),
  },
  {
    verb: 'trigger',
    summary: 'start its task now, and print the ids of the runs',
    until: false,
    done: (session, _, answer) => session.print(...(answer.ids as unknown[]).map(id => printable(String(id)))),
  },
];

function addCommand(schedule: Command, cli: Cli, { verb, summary, until, done }: CommandToActors): void {
  const command = schedule
    .command(verb)
    .summary(summary)
    .argument('<schedule>', 'its name')
    .option('--plan <plan>', 'of a schedule for several plans: only for this one')
    .option('--note <text>', 'words of yours, kept in its history');
  if (until)
    command.option('--until <time>', 'it goes on by itself then: a time such as 2026-05-01T06:00:00Z, or 12h from now');
  command.action(
    cli.action(async (session: Session, name: string, { plan, until, note }: Told) => {
      const said = { ...(plan !== undefined && { plan }), ...(note !== undefined && { note }) };
      const answer = await session.request(`schedule.${verb}`, {
        name,
        ...(until !== undefined && { until }),
        ...said,
      });
      session.result(answer, () => done(session, name, answer));
      return exitStatus.done;
    }),
  );
}

function shownLines(answer: Answer): string[] {
  const {
    ok: _ok,
    revision,
    state: _state,
    since: _since,
    next: _next,
    lastFate: _lastFate,
    actors,
    ...document
  } = answer;
  return documentLines('Schedule', document, [
    `revision ${String(revision)}`,
    ...rowsOf(actors).map(actor => `${String(actor.plan)}: ${actorText(actor)}`),
  ]);
}

/** `waiting since 2026-05-01 01:00:00Z; next 2026-05-02 01:00:00Z; last: ran`, as far as it is known. */
function actorText(row: Row): string {
  const state = textOf(row.state) ?? 'not begun';
  const next = shownTime(row.next);
  const words = [
    row.since ? `${state} since ${shownTime(row.since)}` : state,
    textOf(row.why),
    next === null ? 'never comes again' : `next ${next}`,
    fateText(row.lastFate),
  ];
  return words.filter(Boolean).join('; ');
}

function fateText(fate: unknown): string | undefined {
  return isObject(fate) ? `last ${String(fate.fate)} at ${shownTime(fate.tick)}` : undefined;
}

function plansText({ plan, plans, actors }: Row): string | undefined {
  if (typeof plan === 'string') return plan;
  const labels = isObject(plans) && isObject(plans.labels) ? Object.entries(plans.labels) : [];
  return `${labels.map(([key, value]) => `${key}=${String(value)}`).join(' ')} (${rowsOf(actors).length})`;
}

/** Of a schedule for several plans: which of them are not as the rest. */
function stateText({ state, actors }: Row): string | undefined {
  const rows = rowsOf(actors);
  const alike = rows.filter(row => row.state === state).length;
  const why = rows.find(row => row.state === state)?.why;
  const text = textOf(state) ?? (rows.length > 0 ? 'not begun' : undefined);
  return (
    text &&
    [alike < rows.length ? `${text} (${alike} of ${rows.length})` : text, textOf(why)].filter(Boolean).join(': ')
  );
}

const columns: Column<Row>[] = [
  { title: 'SCHEDULE', cell: row => textOf(row.name) },
  { title: 'PLAN', cell: plansText },
  { title: 'TASK', cell: row => textOf(row.task) },
  { title: 'WHEN', cell: row => textOf(row.cron) ?? (row.every ? `every ${String(row.every)}` : undefined) },
  { title: 'NEXT', cell: row => shownTime(row.next) },
  { title: 'LAST', cell: row => (isObject(row.lastFate) ? textOf(row.lastFate.fate) : undefined) },
  { title: 'STATE', cell: stateText },
];

const tickColumns: Column<Row>[] = [
  { title: 'AT', cell: row => shownTime(row.at) },
  { title: 'LOCAL', cell: row => textOf(row.local) },
  { title: 'NOTE', cell: row => textOf(row.note) },
];
