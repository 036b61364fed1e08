/** All actors that `actor.list` knows, page by page. */
import type { Client } from '../nats/client.ts';
import { isObject } from '../view/wire.ts';

export interface ActorFilter {
  kind?: string | undefined;
  plan?: string | undefined;
  state?: string | undefined;
  agent?: string | undefined;
}

export interface ActorList {
  ok: true;
  actors: unknown[];
  cursor: null;
}

/** More pages than a cluster can fill: a service that answers so many is going in circles. */
const pagesMax = 10_000;

/** The answers of all pages as one. Records come without context. */
export async function listActors(client: Client, filter: ActorFilter = {}): Promise<ActorList> {
  const actors: unknown[] = [];
  let cursor: unknown;
  for (let page = 0; page < pagesMax; page++) {
    const answer = await client.request('actor.list', { ...filter, ...(cursor ? { cursor } : {}) });
    if (Array.isArray(answer.actors)) for (const actor of answer.actors) actors.push(actor);
    cursor = answer.cursor;
    if (!cursor) break;
  }
  return { ok: true, actors, cursor: null };
}

/** The same records for the view, which finds an actor's plan in its context: the plan that was asked for is put there. */
export function recordsForView({ actors }: ActorList, { plan }: ActorFilter): unknown[] {
  if (plan === undefined) return actors;
  return actors.map(actor => (isObject(actor) ? { context: { plan }, ...actor } : actor));
}
