/** What `reeve verify` and `reeve drill` are given: the id of a backup, or a plan, which stands for its newest one. */
import { AnswerError } from '../core/answer-error.ts';
import { isName } from '../core/ids.ts';
import type { Answer } from '../nats/client.ts';
import type { Session } from './session.ts';

/** Starts a run on a backup of that id, else on the newest of a plan of that name. */
export async function startOn(session: Session, kind: 'verify' | 'drill', what: string, said = {}): Promise<Answer> {
  try {
    return await session.request(`${kind}.start`, { backup: what, ...said });
  } catch (error) {
    if (!(error instanceof AnswerError && error.code === 'not-found' && isName(what))) throw error;
    return session.request(`${kind}.start`, { plan: what, ...said });
  }
}
