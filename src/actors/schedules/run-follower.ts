/**
 * Following a run to its end, wherever it runs: the live feed is the hint, a read is the proof. The feed can lose a
 * message, so the record is read again now and then.
 */
import { isUnavailable } from '../../core/answer-error.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { RecordStore } from '../../runtime/record-store.ts';

export interface FollowerParts {
  store: RecordStore;
  /** Calls `hint` after steps of an actor, until the returned function is called; may miss some. */
  onEvent: (kind: string, id: string, hint: () => void) => () => void;
}

const lookEveryMs = 10_000;

/** Resolves with the final record of a run, undefined where it has none (any more); rejects with the signal's reason. */
export async function followRun(
  { store, onEvent }: FollowerParts,
  kind: string,
  id: string,
  signal: AbortSignal,
): Promise<ActorRecord | undefined> {
  let wake: () => void = () => undefined;
  const unfollow = onEvent(kind, id, () => wake());
  const abort = () => wake();
  signal.addEventListener('abort', abort);
  try {
    for (;;) {
      signal.throwIfAborted();
      const hinted = new Promise<void>(resolve => {
        wake = resolve;
      });
      const found = await newest(store, kind, id);
      if (found !== 'unavailable' && (!found || found.final)) return found;
      const timer = setTimeout(() => wake(), lookEveryMs);
      await hinted;
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener('abort', abort);
    unfollow();
  }
}

async function newest(store: RecordStore, kind: string, id: string): Promise<ActorRecord | undefined | 'unavailable'> {
  try {
    return (await store.read(kind, id))?.record;
  } catch (error) {
    if (isUnavailable(error)) return 'unavailable';
    throw error;
  }
}
