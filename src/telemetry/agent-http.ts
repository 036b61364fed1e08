/** What an agent tells over HTTP: `/metrics` to Prometheus, and `/healthz` to whoever wants to know whether it is well. */
import type { Observer } from '../domain/facts.ts';
import { createHealth } from './health.ts';
import { plain, serveHttp } from './http-server.ts';
import { createMetrics } from './metrics.ts';

export interface AgentHttp {
  /** To be told every fact of the agent; tells `tell` first. */
  observe: Observer;
  close(): void;
}

/** Serves from before the agent has NATS to its end. `tell` is the log's, or another observer that is told everything. */
export function serveAgent(listen: string, tell: Observer): AgentHttp {
  const metrics = createMetrics();
  const health = createHealth();
  const observe: Observer = fact => {
    tell(fact);
    metrics.observe(fact);
    health.observe(fact);
  };
  const close = serveHttp({
    listen,
    observe,
    routes: {
      '/metrics': async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() }),
      '/healthz': () => {
        const trouble = health.trouble();
        return trouble === undefined ? plain(200, 'ok') : plain(503, trouble);
      },
    },
  });
  return { observe, close };
}
