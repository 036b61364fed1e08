/** The live feed of steps, as a hint: a message of it can be lost, so whoever hears one reads the record. */
import type { Link } from './connection.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';

/** Calls `hint` after each step of an actor that is heard of, until the returned function is called. */
export function onEvent(link: Link, names: Names, kind: string, id: string, hint: () => void): () => void {
  const subscription = listen(link, names.event(kind, id), () => hint());
  return () => {
    if (!link.isClosed) subscription.unsubscribe();
  };
}
