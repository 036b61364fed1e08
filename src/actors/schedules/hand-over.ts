/**
 * Says to the agent of a run that it is there. It is asked again, for an agent that starts does not answer yet, and may
 * have read its runs already; whatever is missed it finds when it compares.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { AgentParts } from '../agent-parts.ts';

export interface HandOverParts extends Pick<AgentParts, 'config' | 'askAgents'> {
  custody: Pick<AgentParts['custody'], 'take'>;
}

/** How long one question waits for an answer. */
const takeMs = 2_000;
const againMs = [500, 1_000, 2_000, 4_000, 8_000];

/** Resolves once the run is taken, or was not for as long as an agent takes to start. `stored` is its first record. */
export async function handOver(parts: HandOverParts, stored: StoredRecord, agent: string): Promise<void> {
  const { config, custody, askAgents } = parts;
  const { kind, id } = stored.record;
  if (agent === config.name) {
    await custody.take(kind, id, stored).catch(() => false);
    return;
  }
  for (const pauseMs of [...againMs, 0]) {
    const answer = await askAgents('run.take', { agent, kind, id }, takeMs).catch(() => undefined);
    if ((answer as { isTaken?: boolean } | undefined)?.isTaken === true) return;
    await sleep(pauseMs, undefined, { ref: false });
  }
}
