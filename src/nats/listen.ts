/** Subscribing with a callback, safely: the client library stops reading a connection when a callback throws. */
import type { Msg, Subscription } from 'nats';
import type { Link } from './connection.ts';

/**
 * Calls `see` for each message. What it throws is a defect: it is thrown again outside of the library, where the process
 * hears of it. What the server refuses (a permission) is told to the connection's status, not here.
 */
export function listen(link: Link, subject: string, see: (message: Msg) => void, queue?: string): Subscription {
  return link.connection.subscribe(subject, {
    ...(queue !== undefined && { queue }),
    callback: (error, message) => {
      if (error) return;
      try {
        see(message);
      } catch (defect) {
        queueMicrotask(() => {
          throw defect;
        });
      }
    },
  });
}
