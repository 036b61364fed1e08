/** Actors as people name them: `ID`, or `KIND/ID`. */
import { AnswerError } from '../core/answer-error.ts';
import { isId } from '../core/ids.ts';
import { actorKinds } from '../domain/actor-kinds.ts';
import type { ActorName, Answer, Client } from '../nats/client.ts';

/** `KIND/ID` in its parts; the kind is undefined where it was left out. Throws `invalid` for what is neither. */
export function parseReference(text: string): { kind: string | undefined; id: string } {
  const [first = '', second, ...rest] = text.split('/');
  const id = second ?? first;
  if (rest.length > 0 || !isId(id) || (second !== undefined && !isId(first)))
    throw new AnswerError(
      'invalid',
      `"${text}" is not an id`,
      'write ID, or KIND/ID such as backup/photos-20260101T010000Z-4f2a9c',
    );
  return { kind: second === undefined ? undefined : first, id };
}

/**
 * The actor that a text names, with the answer of `actor.get`. Where the kind was left out, all kinds are asked; ids of
 * runs are unique over their kinds, so at most one run answers, and runs come first. Throws `not-found`.
 */
export async function findActor(client: Client, text: string): Promise<{ actor: ActorName; answer: Answer }> {
  const { kind, id } = parseReference(text);
  if (kind !== undefined) return { actor: { kind, id }, answer: await client.request('actor.get', { kind, id }) };
  const answers = await Promise.all(actorKinds.map(each => knownAs(client, { kind: each, id })));
  const found = answers.find(answer => answer !== undefined);
  if (found) return found;
  throw new AnswerError('not-found', `no actor is called "${id}"`, '`reeve ps --all` lists those that there are');
}

async function knownAs(client: Client, actor: ActorName): Promise<{ actor: ActorName; answer: Answer } | undefined> {
  try {
    return { actor, answer: await client.request('actor.get', actor) };
  } catch (error) {
    if (error instanceof AnswerError && (error.code === 'not-found' || error.code === 'invalid')) return undefined;
    throw error;
  }
}
