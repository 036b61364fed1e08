/** A command of the wire that goes into an actor's mailbox. */
import { type AnswerCode, AnswerError, answerCodes } from '../../core/answer-error.ts';
import { summaryOf } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { recordOf } from './records.ts';

/** How long an actor may take to answer a command. */
const answerWithinMs = 10_000;

/** Sends a command to an actor and resolves with its outcome; what it refuses is thrown as its AnswerError. */
export async function tellActor(parts: AgentParts, kind: string, id: string, said: object): Promise<object> {
  const { record } = await recordOf(parts.store, kind, id);
  if (record.final)
    throw new AnswerError(
      'refused',
      `${kind} ${id} is over: it is ${record.state}`,
      'a final state is final; start another',
    );
  const answer = (await parts.ask(kind, id, said, answerWithinMs)) as {
    ok: boolean;
    error?: { code: string; message: string; hint: string };
  };
  if (answer.ok) return { actor: summaryOf((await recordOf(parts.store, kind, id)).record) };
  const { code = 'internal', message = 'no reason was given', hint = '' } = answer.error ?? {};
  throw new AnswerError(Object.hasOwn(answerCodes, code) ? (code as AnswerCode) : 'internal', message, hint);
}
