/** `reeve status`: one line and an exit status for Nagios and whoever speaks like it. */
import type { Command } from 'commander';
import type { AnswerError } from '../../core/answer-error.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, examples } from '../cli.ts';
import type { Session } from '../session.ts';
import { type Asked, nagiosExit, statusLine, statusReport, unknownLine } from '../status-report.ts';

/** Kinds of runs that people start and wait for themselves are no matter of a status. */
const watched = ['restore'];
const all = { limit: 10_000 };

export function addStatus(program: Command, cli: Cli): void {
  program
    .command('status')
    .summary('one line with what is wrong, and the exit status of a Nagios plugin')
    .description(
      'Says in one line whether all is well, with performance data: plans that are overdue (critical), drills that are overdue, agents that are away and own something, schedules that are blocked, and runs that failed since one of their plan went well (warnings). It ends as a Nagios plugin does: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN where NATS or every agent is away.',
    )
    .addHelpText('after', examples(['reeve status', 'for people'], ['reeve -o json status', 'for programs']))
    .action(
      cli.action(async (session: Session) => {
        try {
          const report = statusReport(await ask(session));
          session.result({ ok: true, ...report }, () => session.print(statusLine(report)));
          return report.exit;
        } catch (error) {
          const { message, hint = '', code = 'internal' } = error as Partial<AnswerError> & Error;
          const answer = { ok: false, status: 'UNKNOWN', exit: nagiosExit.UNKNOWN, error: { code, message, hint } };
          session.result(answer, () => session.print(unknownLine(message)));
          return nagiosExit.UNKNOWN;
        }
      }),
    );
}

async function ask(session: Session): Promise<Asked> {
  const agents = rowsOf((await session.request('agent.list')).agents);
  const plans = rowsOf((await session.request('plan.list', all)).plans);
  const away = agents.filter(({ mode }) => mode === 'away').map(({ name }) => textOf(name) ?? '');
  const owned = new Map<string, number>();
  for (const agent of away) {
    const actors = rowsOf((await session.request('actor.list', { agent, ...all })).actors);
    owned.set(agent, actors.filter(({ final, kind }) => final !== true && kind !== 'agent').length);
  }
  const blocked = await session.request('actor.list', { kind: 'schedule', state: 'blocked', ...all });
  return { agents, plans, owned, blocked: rowsOf(blocked.actors), runs: await runsOf(session) };
}

/** The runs of each kind that the agents work on; their lists are named for the kind, each in its own way. */
async function runsOf(session: Session): Promise<Map<string, Record<string, unknown>[]>> {
  const machines = rowsOf((await session.request('machine.list')).machines);
  const runs = new Map<string, Record<string, unknown>[]>();
  for (const { kind, commands } of machines) {
    const isRun = Array.isArray(commands) && commands.includes(`${kind}.cancel`);
    if (!isRun || watched.includes(String(kind))) continue;
    const { ok: _, ...lists } = await session.request(`${kind}.list`, all);
    runs.set(String(kind), Object.values(lists).flatMap(rowsOf));
  }
  return runs;
}
