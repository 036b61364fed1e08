/** A command of the wire that goes into an actor's mailbox. */
import { type AnswerCode, AnswerError, answerCodes } from '../../core/answer-error.ts';
import { type ActorRecord, summaryOf } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { recordOf } from './records.ts';

/** How long an actor may take to answer a command. */
const answerWithinMs = 10_000;

/** What an actor answers; `repeated` where the `requestId` took effect before. */
interface Outcome {
  ok: boolean;
  repeated?: boolean;
  actor?: object;
  error?: { code: string; message: string; hint: string };
}

/**
 * Sends a command to an actor and resolves with its outcome: `actor` is its record, without context, of the step that the
 * command caused, also when it is repeated. What the actor refuses is thrown as its AnswerError.
 */
export async function tellActor(
  parts: AgentParts,
  kind: string,
  id: string,
  said: { type: string; requestId?: unknown },
): Promise<object> {
  // The record of an actor that runs here is at hand; should it be overtaken, whoever took over gets the mail and judges.
  const record = parts.runtime.find(kind, id)?.record ?? (await recordOf(parts.store, kind, id)).record;
  if (tookEffect(record, said.requestId)) return { actor: summaryOf(await firstOf(parts, record, said)) };
  if (record.final)
    throw new AnswerError(
      'refused',
      `${kind} ${id} is over: it is ${record.state}`,
      'a final state is final; start another',
    );
  const answer = (await parts.ask(kind, id, said, answerWithinMs)) as Outcome;
  if (answer.ok && answer.repeated) return { actor: summaryOf(await firstOf(parts, record, said)) };
  if (answer.ok) return { actor: answer.actor };
  const { code = 'internal', message = 'no reason was given', hint = '' } = answer.error ?? {};
  throw new AnswerError(Object.hasOwn(answerCodes, code) ? (code as AnswerCode) : 'internal', message, hint);
}

function tookEffect({ requests }: ActorRecord, requestId: unknown): requestId is string {
  return typeof requestId === 'string' && requests.includes(requestId);
}

/** The record of the step that a request caused: the first that remembers it. */
async function firstOf(
  { store }: AgentParts,
  { kind, id }: ActorRecord,
  { type, requestId }: { type: string; requestId?: unknown },
): Promise<ActorRecord> {
  const records = (await store.history(kind, id, { limit: 1_000 })).map(stored => stored.record);
  const first = records.findLast(record => tookEffect(record, requestId));
  if (first?.event === type) return first;
  throw new AnswerError(
    'conflict',
    `the requestId ${String(requestId)} was used for another request to ${kind} ${id}${first ? `: ${first.event}` : ''}`,
    'use one a request',
  );
}
