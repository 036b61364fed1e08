/** `reeve agents`, `drain` and `undrain`. */
import type { Command } from 'commander';
import { formatDuration } from '../../core/durations.ts';
import { printable } from '../../core/printable.ts';
import { isObject } from '../../view/wire.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

interface Options {
  dryRun?: boolean;
  note?: string;
}

export function addAgents(program: Command, cli: Cli): void {
  const agents = program
    .command('agents')
    .summary('list the agents; shut one down')
    .addHelpText('after', examples(['reeve agents', 'all'], ['reeve agents shutdown nas-1', 'drain one and end it']));
  agents
    .command('list', { isDefault: true })
    .summary('list the agents (the default)')
    .action(
      cli.action(async (session: Session) => {
        const answer = await session.request('agent.list');
        const rows = rowsOf(answer.agents);
        session.result(answer, () => {
          if (rows.length === 0) session.say('no agents');
          else session.print(...tableLines(agentColumns, rows));
        });
        return exitStatus.done;
      }),
    );
  const actions = [
    { parent: agents, verb: 'shutdown', summary: 'drain an agent, then end it', done: 'is shutting down' },
    {
      parent: program,
      verb: 'drain',
      summary: 'let an agent stop what it runs, and take nothing new',
      done: 'is draining',
    },
    { parent: program, verb: 'undrain', summary: 'let a drained agent work again', done: 'works again' },
  ] as const;
  for (const { parent, verb, summary, done } of actions) {
    const command = parent
      .command(verb)
      .summary(summary)
      .argument('<agent>', 'its name')
      .option('--note <text>', 'words of yours');
    if (verb !== 'undrain') command.option('--dry-run', 'say what would happen to each actor, and do nothing');
    const call = parent === agents ? `reeve agents ${verb}` : `reeve ${verb}`;
    command.addHelpText(
      'after',
      examples([
        `${call} nas-1${verb === 'undrain' ? '' : ' --dry-run'}`,
        verb === 'undrain' ? 'after the work is done' : 'what would become of its runs',
      ]),
    );
    command.action(
      cli.action(async (session: Session, agent: string, options: Options) => {
        const input = {
          agent,
          ...(options.dryRun && { dryRun: true }),
          ...(options.note !== undefined && { note: options.note }),
        };
        const answer = await session.request(`agent.${verb}`, input);
        session.result(answer, () => {
          if (options.dryRun) session.print(...tableLines(dryRunColumns, rowsOf(answer.actors)));
          else session.print(`agent ${printable(agent)} ${done}`);
        });
        return exitStatus.done;
      }),
    );
  }
}

const agentColumns: Column<Record<string, unknown>>[] = [
  { title: 'AGENT', cell: row => textOf(row.name) },
  { title: 'MODE', cell: row => textOf(row.mode) },
  { title: 'ACTORS', cell: row => textOf(row.actors), align: 'end' },
  { title: 'HOST', cell: row => textOf(row.host) },
  { title: 'VERSION', cell: row => textOf(row.version) },
  { title: 'SINCE', cell: row => shownTime(row.since) },
  { title: 'LAST SEEN', cell: row => shownTime(row.lastSeen) },
  {
    title: 'LABELS',
    cell: row =>
      isObject(row.labels)
        ? Object.entries(row.labels)
            .map(pair => pair.join('='))
            .join(' ')
        : null,
  },
];

const dryRunColumns: Column<Record<string, unknown>>[] = [
  { title: 'KIND', cell: row => textOf(row.kind) },
  { title: 'ID', cell: row => textOf(row.id) },
  { title: 'WOULD', cell: row => textOf(row.would) },
  {
    title: 'TAKES',
    cell: row => (typeof row.takesMs === 'number' ? formatDuration(row.takesMs) : undefined),
    align: 'end',
  },
];
