/** `reeve send`: any declared command, to any actor. */
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { isObject } from '../../view/wire.ts';
import { parseReference } from '../actor-reference.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { shownText } from '../shown-text.ts';

export function addSend(program: Command, cli: Cli): void {
  program
    .command('send')
    .summary('send a command to an actor, and print its outcome')
    .argument('<kind/id>', 'the actor')
    .argument('<json>', 'the command, with its type')
    .addHelpText(
      'after',
      examples([
        `reeve send backup/photos-20260101T010000Z-4f2a9c '{"type":"backup.cancel"}'`,
        'the same as `reeve cancel`',
      ]),
    )
    .action(
      cli.action(async (session: Session, reference: string, json: string) => {
        const { kind, id } = parseReference(reference);
        if (kind === undefined) throw new AnswerError('invalid', `"${reference}" names no kind`, 'write KIND/ID');
        const answer = await session.request('actor.send', { kind, id, command: commandOf(json) });
        const { ok: _, ...outcome } = answer;
        session.result(answer, () => session.print(shownText(JSON.stringify(outcome))));
        return exitStatus.done;
      }),
    );
}

function commandOf(json: string): Record<string, unknown> {
  const invalid = (what: string, cause?: unknown) =>
    new AnswerError('invalid', `the command ${what}`, 'write for example \'{"type":"backup.cancel","note":"why"}\'', {
      cause,
    });
  let command: unknown;
  try {
    command = JSON.parse(json);
  } catch (cause) {
    throw invalid('is not JSON', cause);
  }
  if (!isObject(command)) throw invalid('is not a JSON object');
  if (typeof command.type !== 'string') throw invalid('has no type');
  return command;
}
