/**
 * What marks the processes of a run: the key of an attempt, and whose it is. Ids of scheduled runs are made of the schedule
 * and the tick, so two clusters with an agent each on one host can have runs of the same id at the same moment; and whoever
 * stops one must not find the other's engine.
 */
import { mkdirSync, statSync } from 'node:fs';

/** `data` is the agent's data directory, which no other agent of this host has; it is made where it is missing. */
export function runToken(data: string, key: string): string {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const { dev, ino } = statSync(data);
  return `${key}@${dev.toString(36)}-${ino.toString(36)}`;
}
