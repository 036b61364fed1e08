/** `reeve cancel`, `suspend` and `resume`: commands to a run that is there. */
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { printable } from '../../core/printable.ts';
import { isRunKind } from '../../domain/run.ts';
import { isObject } from '../../view/wire.ts';
import { findActor } from '../actor-reference.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';

const verbs = [
  { verb: 'cancel', summary: 'end a run; what it did so far is not kept', done: 'is being cancelled' },
  { verb: 'suspend', summary: 'stop a run at a point from which it can go on', done: 'is being suspended' },
  { verb: 'resume', summary: 'let a suspended run go on', done: 'goes on' },
] as const;

const away =
  'has an agent that is away: the command is stored, and taken when that agent is back; `reeve explain` says until when';

interface Options {
  note?: string;
}

export function addControl(program: Command, cli: Cli): void {
  for (const { verb, summary, done } of verbs) {
    program
      .command(verb)
      .summary(summary)
      .argument('<id>', 'ID or KIND/ID of the run')
      .option('--note <text>', 'words of yours, kept in its history')
      .addHelpText(
        'after',
        examples([`reeve ${verb} photos-20260101T010000Z-4f2a9c --note "disk swap"`, 'and say why']),
      )
      .action(
        cli.action(async (session: Session, text: string, options: Options) => {
          const client = await session.client();
          const { actor } = await findActor(client, text);
          if (!isRunKind(actor.kind))
            throw new AnswerError(
              'invalid',
              `${actor.kind}/${actor.id} is not a run`,
              `send it a command with \`reeve send\``,
            );
          const answer = await client.request(`${actor.kind}.${verb}`, {
            id: actor.id,
            ...(options.note !== undefined && { note: options.note }),
          });
          const told = isObject(answer.actor) && answer.actor.reason === 'host-away' ? away : done;
          session.result(answer, () => session.print(`${actor.kind} ${printable(actor.id)} ${told}`));
          return exitStatus.done;
        }),
      );
  }
}
