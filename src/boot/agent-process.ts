/**
 * The process of `reeve agent`: one agent, its log on standard output, its end by a signal. The first SIGTERM or SIGINT
 * drains it; a second one ends it at once, with every engine.
 */
import process from 'node:process';
import { type Agent, startAgent } from '../actors/agent.ts';
import type { AgentOptions, Environment } from '../cli/environment.ts';
import { exitStatus } from '../cli/exit-status.ts';
import { AnswerError } from '../core/answer-error.ts';
import { shownServers } from '../nats/connection-settings.ts';
import { serveAgent } from '../telemetry/agent-http.ts';
import { createLog } from '../telemetry/log.ts';

export async function agentProcess({ config }: AgentOptions, environment: Environment): Promise<number> {
  const log = createLog({ bindings: { agent: config.name } });
  const { observe, close: closeHttp } = serveAgent(config.http.listen, log.observe);
  const starting = new AbortController();
  let agent: Agent | undefined;
  const release = onStopSignals({
    first: signal => {
      if (agent) agent.shutdown(signal);
      else starting.abort(new Error(`${signal} came before the agent had started`));
    },
    second: () => {
      agent?.killEngines();
      process.exit(exitStatus.failed);
    },
  });
  const waiting = (cause: Error) =>
    observe({
      fact: 'nats.away',
      message: `waiting for NATS at ${shownServers(config.nats.servers)}: ${cause.message}`,
      at: new Date().toISOString(),
    });
  try {
    agent = await startAgent({ config, version: environment.version, observe, waiting }, starting.signal);
    return await agent.ended;
  } catch (error) {
    if (starting.signal.aborted) return exitStatus.done;
    if (!(error instanceof AnswerError)) throw error;
    environment.stderr.write(`reeve: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`);
    return error.code === 'invalid' ? exitStatus.invalid : exitStatus.failed;
  } finally {
    release();
    closeHttp();
    log.close();
  }
}

/** Calls `first` for the first SIGTERM or SIGINT and `second` for each one after it, until the returned function is called. */
export function onStopSignals(calls: { first: (signal: string) => void; second: () => void }): () => void {
  let came = false;
  const on = (signal: NodeJS.Signals) => {
    if (came) return calls.second();
    came = true;
    calls.first(signal);
  };
  process.on('SIGTERM', on);
  process.on('SIGINT', on);
  return () => {
    process.off('SIGTERM', on);
    process.off('SIGINT', on);
  };
}
