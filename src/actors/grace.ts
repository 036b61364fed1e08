/** How an agent's grace is divided: what its work may take to stop, and what closing the agent takes after that. */
import type { AgentConfig } from '../domain/agent-config.ts';

/** What is kept of the grace for what comes after the drain: the last writes, the lease, the link. */
export const closingMs = 3_000;

/** What the drain of all work may take. */
export function drainGraceMs({ graceMs }: Pick<AgentConfig, 'graceMs'>): number {
  return Math.max(0, graceMs - closingMs);
}
