/** The contracts on a real nats-server, each version that the environment names. */
import { afterAll } from 'vitest';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { Names } from '../../src/nats/names.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { NatsRefusals } from '../../src/nats/refusals.ts';
import { prepareStorage } from '../../src/nats/storage.ts';
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
  // The rule of a replicated bucket, read forward and all, holds on one server too.
  recordStoreContract(`in NATS, reading forward (server ${n + 1})`, async () => {
    const { link } = await open();
    const names = new Names('forward');
    await prepareStorage(link, names, {}, { signal: AbortSignal.timeout(10_000) });
    return new NatsRecordStore(link, names, { replicas: 3 });
  });
  mailboxesContract(`in NATS (server ${n + 1})`, async () => {
    const { link, names } = await open();
    return { boxes: new NatsMailboxes(link, names), refusals: new NatsRefusals(link, names) };
  });
}
