/** A command of the wire that goes into an actor's mailbox. */
import { type AnswerCode, AnswerError, answerCodes } from '../../core/answer-error.ts';
import { type ActorRecord, summaryOf } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { awayNow, type HostAway, shownAway } from '../custody/host-away.ts';
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
 * command caused, also when it is repeated. What the actor refuses is thrown as its AnswerError. A command to a run whose
 * agent is away is stored, for that agent or whoever ends the run for it, and `actor` is the record that there is.
 */
export async function tellActor(
  parts: AgentParts,
  kind: string,
  id: string,
  said: { type: string; requestId?: unknown },
): Promise<object> {
  // The record of an actor that runs here is at hand; should it be overtaken, whoever took over gets the mail and judges.
  const here = parts.runtime.find(kind, id)?.record;
  const record = here ?? (await recordOf(parts.store, kind, id)).record;
  if (tookEffect(record, said.requestId)) return { actor: summaryOf(await firstOf(parts, record, said)) };
  if (record.final)
    throw new AnswerError(
      'refused',
      `${kind} ${id} is over: it is ${record.state}`,
      'a final state is final; start another',
    );
  const away = here ? undefined : await awayNow(record, parts);
  // What its agent never took has begun nothing: a cancel need not wait for that agent.
  const isTaken = away && said.type === `${kind}.cancel` && (await parts.custody.takeUntaken(kind, id));
  if (away && !isTaken) {
    if (!record.canTake.includes(said.type)) throw notTaken(record, away, said.type);
    await parts.runtime.host.mailboxes.send(kind, id, Buffer.from(JSON.stringify(said)));
    return { actor: summaryOf(shownAway(record, away)) };
  }
  const answer = (await parts.ask(kind, id, said, answerWithinMs)) as Outcome;
  if (answer.ok && answer.repeated) return { actor: summaryOf(await firstOf(parts, record, said)) };
  if (answer.ok) return { actor: answer.actor };
  const { code = 'internal', message = 'no reason was given', hint = '' } = answer.error ?? {};
  throw new AnswerError(Object.hasOwn(answerCodes, code) ? (code as AnswerCode) : 'internal', message, hint);
}

function notTaken({ kind, id, state, canTake }: ActorRecord, { agent }: HostAway, type: string): AnswerError {
  const takes = canTake.length > 0 ? `it takes: ${canTake.join(', ')}` : 'it takes no command there';
  return new AnswerError(
    'refused',
    `${kind} ${id} is ${state}, and its agent ${agent} is away: ${type} is not taken`,
    takes,
  );
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
