/** `reeve local`: the runs of this host's data directory, for when NATS or the agent is away. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { isId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import { cancelLocalRun, type LocalRun, localRuns } from '../../runner/local-runs.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { tableLines } from '../table.ts';
import { shownAge } from '../times.ts';

interface LocalOptions {
  data: string;
}

export function addLocal(program: Command, cli: Cli): void {
  const local = program
    .command('local')
    .summary('what runs on this host, without NATS')
    .description(
      "Looks at an agent's data directory on this host. Needs neither NATS nor the agent, and sees processes, not the states of runs.",
    )
    .addHelpText('after', examples(['reeve local ps --data /var/lib/reeve', 'what runs here']));
  local
    .command('ps')
    .summary('list the runs that have a directory')
    .description('Lists the runs that have a directory, with their engine processes.')
    .requiredOption('--data <dir>', "the agent's data directory")
    .addHelpText('after', examples(['reeve local ps --data /var/lib/reeve', 'what runs here']))
    .action(cli.action(list));
  local
    .command('cancel')
    .summary('end the engine of a run')
    .description(
      'Ends the engine of a run, politely first, and waits until none of its processes is left. Its run fails as user-cancelled, as soon as an agent takes it up.',
    )
    .argument('<id>', 'id of the run')
    .requiredOption('--data <dir>', "the agent's data directory")
    .addHelpText('after', examples(['reeve local cancel photos-1 --data /var/lib/reeve', 'end it here']))
    .action(cli.action(cancel));
}

async function list(session: Session, { data }: LocalOptions): Promise<number> {
  const runs = await localRuns(dataOf(session, data));
  session.result({ ok: true, runs }, () => {
    if (runs.length === 0) session.print('no run has a directory here');
    else session.print(...tableLines(columnsAt(session.environment.clock.now()), runs));
  });
  return exitStatus.done;
}

async function cancel(session: Session, id: string, { data }: LocalOptions): Promise<number> {
  const ended = isId(id) ? await cancelLocalRun(dataOf(session, data), id) : undefined;
  if (!ended)
    throw new AnswerError(
      'not-found',
      `no engine of a run ${id} was started here`,
      'list what there is with: reeve local ps --data DIR',
    );
  if (!ended.gone) {
    const message = `processes of ${id} could not be ended: ${ended.pids.join(', ')}`;
    throw new AnswerError('refused', message, 'what waits for a device ends when that answers');
  }
  const { tookMs } = ended;
  session.result({ ok: true, id, tookMs }, () =>
    session.print(`no process of ${printable(id)} is left (${tookMs} ms)`),
  );
  return exitStatus.done;
}

/** A directory that is none of an agent's is a mistake, not an empty list. */
function dataOf(session: Session, data: string): string {
  const path = resolve(session.environment.directory, data);
  if (existsSync(join(path, 'runs'))) return path;
  throw new AnswerError('invalid', `${data} is no data directory of an agent`, 'it has a directory named runs');
}

function columnsAt(now: number) {
  return [
    { title: 'ID', cell: ({ id }: LocalRun) => id },
    { title: 'STATE', cell: ({ state }: LocalRun) => state },
    { title: 'PID', cell: ({ pid }: LocalRun) => pid, align: 'end' as const },
    { title: 'SINCE', cell: ({ startedAt }: LocalRun) => startedAt && shownAge(startedAt, now), align: 'end' as const },
    { title: 'END', cell: ({ exit }: LocalRun) => exit && (exit.why ?? exit.signal ?? `status ${exit.code}`) },
  ];
}
