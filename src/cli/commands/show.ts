/** `reeve show`, `history`, `explain` and `logs`: one actor, from each side. */
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import type { ActorName, Client } from '../../nats/client.ts';
import { isObject, recordOf } from '../../view/wire.ts';
import { findActor } from '../actor-reference.ts';
import { rowsOf, textOf } from '../answer-rows.ts';
import { type Cli, countOption, examples } from '../cli.ts';
import { exitStatus, statusOfEnding } from '../exit-status.ts';
import { recordLines } from '../record-lines.ts';
import { endingLines } from '../run-follow.ts';
import type { Session } from '../session.ts';
import { shownText } from '../shown-text.ts';
import { type Column, fieldLines, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';
import { waitForEnd } from '../wait.ts';

export function addShow(program: Command, cli: Cli): void {
  program
    .command('show')
    .summary('show an actor: state, progress, deadlines, result')
    .argument('<id>', 'ID or KIND/ID')
    .option('-w, --watch', 'stay until it has ended; the status is that of its ending')
    .addHelpText('after', examples(['reeve show backup/photos-20260101T010000Z-4f2a9c -w', 'with its progress']))
    .action(
      cli.action(async (session: Session, text: string, options: { watch?: boolean }) => {
        const client = await session.client();
        const { actor, answer } = await findActor(client, text);
        const record = recordOf(answer.actor);
        if (options.watch && record && !record.final) return watchActor(session, client, actor);
        session.result(answer, () => record && session.print(...recordLines(record, session.environment.clock.now())));
        return options.watch && record ? statusOfEnding(record.state) : exitStatus.done;
      }),
    );
  addHistory(program, cli);
  addExplain(program, cli);
  addLogs(program, cli);
}

async function watchActor(session: Session, client: Client, actor: ActorName): Promise<number> {
  const { ended } = await waitForEnd(client, actor, session.environment, { timeoutMs: undefined });
  if (session.json) session.print(JSON.stringify(await client.request('actor.get', actor)));
  else if (ended) session.print(...endingLines(ended));
  if (ended) return statusOfEnding(ended.state);
  session.say(`stopped watching because of Ctrl-C; ${actor.kind} ${printable(actor.id)} has not ended`);
  return exitStatus.waitOver;
}

function addHistory(program: Command, cli: Cli): void {
  program
    .command('history')
    .summary('list the states that an actor went through, newest first')
    .argument('<id>', 'ID or KIND/ID')
    .option('--limit <count>', 'at most this many', countOption, 50)
    .addHelpText('after', examples(['reeve history photos-20260101T010000Z-4f2a9c', 'from its first state to now']))
    .action(
      cli.action(async (session: Session, text: string, options: { limit: number }) => {
        const client = await session.client();
        const { actor } = await findActor(client, text);
        const answer = await client.request('actor.history', { ...actor, limit: options.limit });
        session.result(answer, () => session.print(...tableLines(historyColumns, rowsOf(answer.records))));
        return exitStatus.done;
      }),
    );
}

const historyColumns: Column<Record<string, unknown>>[] = [
  { title: 'AT', cell: row => shownTime(row.at) },
  { title: 'FROM', cell: row => textOf(row.from) },
  { title: 'STATE', cell: row => textOf(row.state) },
  { title: 'EVENT', cell: row => textOf(row.event) },
  { title: 'REASON', cell: row => textOf(row.reason) },
  { title: 'AGENT', cell: row => (isObject(row.owner) ? textOf(row.owner.agent) : undefined) },
  { title: 'NOTE', cell: row => textOf(row.note) },
];

function addExplain(program: Command, cli: Cli): void {
  program
    .command('explain')
    .summary('say why an actor is in its state, and what it waits for')
    .argument('<id>', 'ID or KIND/ID')
    .option('--command <type>', 'also say why it would refuse this command, such as backup.resume')
    .addHelpText('after', examples(['reeve explain photos-20260101T010000Z-4f2a9c', 'why is it not done yet?']))
    .action(
      cli.action(async (session: Session, text: string, options: { command?: string }) => {
        const client = await session.client();
        const { actor } = await findActor(client, text);
        const asked = options.command === undefined ? actor : { ...actor, command: { type: options.command } };
        const answer = await client.request('actor.explain', asked);
        session.result(answer, () => session.print(...explainLines(answer)));
        return exitStatus.done;
      }),
    );
}

function explainLines(answer: Record<string, unknown>): string[] {
  const refused = isObject(answer.refused) ? answer.refused : undefined;
  const guards = Array.isArray(refused?.guards)
    ? refused.guards.map(guard => textOf(guard) ?? JSON.stringify(guard))
    : [];
  return fieldLines([
    ['state', textOf(answer.state)],
    ['why', textOf(answer.why)],
    ['waits for', textOf(answer.waitsFor)],
    ['since', shownTime(answer.since) ?? undefined],
    ['until', shownUntil(answer.until)],
    ['can take', Array.isArray(answer.canTake) ? answer.canTake.map(String).join(', ') : undefined],
    [
      'would refuse',
      refused && [textOf(refused.command), guards.length > 0 && `(${guards.join(', ')})`].filter(Boolean).join(' '),
    ],
  ]);
}

/** A time, or `{deadline, at}`. */
function shownUntil(until: unknown): string | null {
  if (!isObject(until)) return shownTime(until);
  return [shownTime(until.at), until.deadline && `(deadline ${textOf(until.deadline)})`].filter(Boolean).join(' ');
}

function addLogs(program: Command, cli: Cli): void {
  program
    .command('logs')
    .summary("print the end of a run's log")
    .argument('<id>', 'ID or KIND/ID')
    .option('--tail <bytes>', 'how much of its end, in bytes', countOption)
    .addHelpText('after', examples(['reeve logs photos-20260101T010000Z-4f2a9c', 'what its engine said']))
    .action(
      cli.action(async (session: Session, text: string, options: { tail?: number }) => {
        const client = await session.client();
        const { actor } = await findActor(client, text);
        const answer = await client.request('actor.logs', {
          ...actor,
          ...(options.tail && { tailBytes: options.tail }),
        });
        const lines = String(answer.text ?? '').split('\n');
        if (lines.at(-1) === '') lines.pop();
        session.result(answer, () => session.print(...lines.map(shownText)));
        return exitStatus.done;
      }),
    );
}
