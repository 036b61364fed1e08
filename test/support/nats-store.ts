/** A real nats-server with all storage prepared, and a link to it. */
import { type Link, openLink } from '../../src/nats/connection.ts';
import { Names } from '../../src/nats/names.ts';
import { prepareStorage } from '../../src/nats/storage.ts';
import { startNatsServer, type TestServer, type TestServerOptions } from './nats-server.ts';

export interface NatsStore {
  server: TestServer;
  link: Link;
  names: Names;
  close(): Promise<void>;
}

export async function openNatsStore(options: TestServerOptions = {}): Promise<NatsStore> {
  const server = await startNatsServer(options);
  const link = await openLink({ servers: [server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
  const names = new Names();
  await prepareStorage(link, names, {}, { signal: AbortSignal.timeout(10_000) });
  return {
    server,
    link,
    names,
    close: async () => {
      await link.close();
      await server.stop();
    },
  };
}
