/** What an agent lends to each actor that it runs. */
import type { Clock } from '../core/clock.ts';
import type { RuntimeObserver } from '../core/runtime-facts.ts';
import type { Mailboxes, Refusals, Reply } from './mailboxes.ts';
import type { Owner } from './record.ts';
import type { RecordStore } from './record-store.ts';

export interface Host {
  store: RecordStore;
  mailboxes: Mailboxes;
  refusals: Refusals;
  reply: Reply;
  /** Cluster time. */
  clock: Clock;
  owner: Omit<Owner, 'epoch'>;
  /** Counts this incarnation's writes, from 1. */
  nextWrite: () => number;
  /** A number in [0, 1), for jitter. */
  random: () => number;
  observe: RuntimeObserver;
  /** How often each message crashed its actor, by `<key>/<seq>/<at>`. */
  poison: Map<string, number>;
}
