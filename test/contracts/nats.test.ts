/** The contracts on a real nats-server, each version that the environment names. */
import { afterAll } from 'vitest';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { NatsRefusals } from '../../src/nats/refusals.ts';
import { natsServerBinaries } from '../support/nats-server.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';
import { mailboxesContract } from './mailboxes.contract.ts';
import { recordStoreContract } from './record-store.contract.ts';

for (const [n, binary] of (await natsServerBinaries()).entries()) {
  let store: Promise<NatsStore> | undefined;
  const open = () => {
    store ??= openNatsStore({ binary });
    return store;
  };
  afterAll(async () => (await store)?.close());

  recordStoreContract(`in NATS (server ${n + 1})`, async () => {
    const { link, names } = await open();
    return new NatsRecordStore(link, names);
  });
  mailboxesContract(`in NATS (server ${n + 1})`, async () => {
    const { link, names } = await open();
    return { boxes: new NatsMailboxes(link, names), refusals: new NatsRefusals(link, names) };
  });
}
