/** Progress of runs, live: told to whoever listens now, kept nowhere. */
import type { Progress } from '../domain/run.ts';
import type { Link } from './connection.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';

/** Tells progress; while NATS is away it is dropped, for the next one says more. */
export function publishProgress(link: Link, names: Names, kind: string, id: string, progress: Progress): void {
  if (!link.isUp) return;
  const { bytesDone, bytesTotal, filesDone, filesTotal, rateBytesPerS, etaS } = progress;
  const told: Progress = { bytesDone, bytesTotal, filesDone, filesTotal, rateBytesPerS, etaS };
  link.connection.publish(names.progress(kind, id), JSON.stringify(told));
}

/** Calls `see` for each progress told, of one actor or of all (`*`), until the returned function is called. */
export function followProgress(
  link: Link,
  names: Names,
  of: { kind: string; id: string },
  see: (kind: string, id: string, progress: Progress) => void,
): () => void {
  const subscription = listen(link, names.progress(of.kind, of.id), message => {
    const [id, kind] = message.subject.split('.').reverse();
    const progress = parse(message.string());
    if (progress && kind !== undefined && id !== undefined) see(kind, id, progress);
  });
  return () => {
    if (!link.isClosed) subscription.unsubscribe();
  };
}

/** Anybody may publish there, so what is no progress is passed over. */
function parse(text: string): Progress | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'bytesDone' in value ? (value as Progress) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
