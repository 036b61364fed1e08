/** The settings of every consumer here: ordered, unacknowledged, in memory, with heartbeats and flow control. */
import type { ConsumerConfig } from '@nats-io/jetstream';
import type { Msg } from 'nats';

/** How often the server says that it is still there where it has nothing to deliver. */
export const heartbeatMs = 1_000;

/** `inactiveMs` is how long the server keeps it when nobody listens any more. */
export function orderedConsumer(inbox: string, filter: string, inactiveMs: number): Partial<ConsumerConfig> {
  return {
    deliver_subject: inbox,
    filter_subject: filter,
    ack_policy: 'none',
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    flow_control: true,
    idle_heartbeat: heartbeatMs * 1e6,
    inactive_threshold: inactiveMs * 1e6,
  };
}

/** Of a heartbeat of a server that has nothing to deliver: how many messages it has sent. Undefined for any other message. */
export function idleAfter({ headers }: Msg): number | undefined {
  const sent = headers?.get('Nats-Last-Consumer');
  return sent && !headers?.get('Nats-Consumer-Stalled') ? Number(sent) : undefined;
}
