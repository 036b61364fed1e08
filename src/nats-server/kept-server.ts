/**
 * An embedded nats-server that is kept running: one that ends though nobody stopped it, such as one that the kernel killed
 * for its memory, is started again on its port, at once and then with growing waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../core/backoff.ts';
import { type EmbeddedServer, type EmbeddedStart, startEmbedded } from './embedded.ts';

const lookMs = 500;
const backoff = { minMs: 500, maxMs: 30_000 };
/** Uptime after which its ends are forgotten. */
const stableMs = 60_000;

/** As `startEmbedded`, and then keeps it running until it is stopped. */
export async function keepEmbedded(start: EmbeddedStart): Promise<EmbeddedServer> {
  const { log = () => undefined } = start;
  const stopping = new AbortController();
  const { signal } = stopping;
  const rest = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
  let server = await startEmbedded(start);
  const { url, reused } = server;

  const again = async () => {
    log(`nats-server (pid ${server.pid}) has ended; it is started again`);
    const next = await startEmbedded(start);
    if (next.url === url) {
      server = next;
      return;
    }
    await next.stop(); // whoever knew the server would not find it
    log(`nats-server cannot be started again: something else listens at ${url}`);
  };

  const keep = async () => {
    let ends = 0;
    let startedAt = performance.now();
    for (;;) {
      await rest(lookMs);
      if (signal.aborted) return;
      if (server.isAlive()) continue;
      ends = performance.now() - startedAt > stableMs ? 1 : ends + 1;
      if (ends > 1) await rest(backoffMs(backoff, ends - 1, Math.random()));
      if (signal.aborted) return;
      await again().catch((error: unknown) => log(error instanceof Error ? error.message : String(error)));
      startedAt = performance.now();
    }
  };
  const kept = keep();

  return {
    url,
    reused,
    get pid() {
      return server.pid;
    },
    isAlive: () => server.isAlive(),
    async stop(how) {
      stopping.abort();
      await kept;
      await server.stop(how);
    },
  };
}
