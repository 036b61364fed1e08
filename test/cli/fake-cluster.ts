/** A real nats-server with a fake command service on it, from the first test of a file to its last. */
import { afterAll, beforeAll } from 'vitest';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { type FakeService, startFakeService } from './fake-service.ts';

export interface FakeCluster {
  server: TestServer;
  service: FakeService;
}

/** To be called at the top of a test file; what it returns is filled once the tests begin. */
export function fakeCluster(): FakeCluster {
  const cluster = {} as FakeCluster;
  beforeAll(async () => {
    cluster.server = await startNatsServer();
    cluster.service = await startFakeService(cluster.server.url);
  });
  afterAll(async () => {
    await cluster.service?.close();
    await cluster.server?.stop();
  });
  return cluster;
}
