/** Whoever stays with the cluster is told when nothing can come from it: silence would look like peace. */
import type { Client } from '../nats/client.ts';
import type { Session } from './session.ts';

/** Says on standard error when NATS goes away and when it is back, until the client is closed. */
export function tellLink(session: Session, client: Client): void {
  client.onLink(up =>
    session.say(
      up ? `NATS at ${client.shownUrl} is back; what happened meanwhile is in \`reeve history\`` : awayLine(client),
    ),
  );
}

export function awayLine({ shownUrl }: Client): string {
  return `NATS at ${shownUrl} is away; nothing new can be shown until it is back`;
}
