/**
 * The read model of the cluster: what is known of each actor, fed by records and progress in whatever order they come.
 *
 * 1. A record never replaces a newer one of its actor (by time, then by the revision that it follows). The same one with
 *    its context replaces one without, for lists leave contexts out.
 * 2. A final actor has no progress, nor has a run that has moved all that it moves: what was told last is behind it.
 * 3. At most `endedMax` final actors are kept: the newest.
 */
import { createStore } from '@xstate/store';
import type { Progress } from '../domain/run.ts';
import { agentOf, progressOf, recordOf, type SeenAgent, type SeenRecord } from './wire.ts';

export interface ClusterState {
  records: ReadonlyMap<string, SeenRecord>;
  progress: ReadonlyMap<string, Progress>;
  agents: ReadonlyMap<string, SeenAgent>;
}

/** An actor as lists show it. */
export interface ActorRow {
  record: SeenRecord;
  progress: Progress | undefined;
}

export interface ClusterViewOptions {
  /** How many final actors are kept; 1,000 by default. */
  endedMax?: number;
}

export type ClusterView = ReturnType<typeof createClusterView>;

export function createClusterView({ endedMax = 1_000 }: ClusterViewOptions = {}) {
  const initial: ClusterState = { records: new Map(), progress: new Map(), agents: new Map() };
  return createStore({
    context: initial,
    on: {
      /** Records from the feed or from an answer, in any order. What is not a record is ignored. */
      recorded: (state, event: { records: readonly unknown[] }): ClusterState => {
        const records = new Map(state.records);
        const progress = new Map(state.progress);
        for (const record of event.records.map(recordOf)) {
          if (!record) continue;
          const key = actorKey(record);
          const known = records.get(key);
          if (known && !isNewer(record, known)) continue;
          records.set(key, record);
          if (record.final) progress.delete(key);
        }
        forgetEnded(records, endedMax);
        return { ...state, records, progress };
      },
      /** Progress of an actor; ignored once that has ended. */
      progressed: (state, event: { kind: string; id: string; progress: unknown }): ClusterState => {
        const progress = progressOf(event.progress);
        const key = actorKey(event);
        if (!progress || state.records.get(key)?.final) return state;
        return { ...state, progress: new Map(state.progress).set(key, progress) };
      },
      /** The agents, all of them. */
      agentsListed: (state, event: { agents: readonly unknown[] }): ClusterState => {
        const agents = event.agents.map(agentOf).filter(agent => agent !== undefined);
        return { ...state, agents: new Map(agents.map(agent => [agent.name, agent])) };
      },
    },
  });
}

/** One actor, or undefined when nothing is known of it. Progress that its record has stands in for the feed's. */
export function actorIn(state: ClusterState, actor: { kind: string; id: string }): ActorRow | undefined {
  const record = state.records.get(actorKey(actor));
  return record && rowOf(state, record);
}

export interface RowFilter {
  kind?: string | undefined;
  plan?: string | undefined;
  state?: string | undefined;
  agent?: string | undefined;
  /** Those that have ended, too. */
  ended?: boolean | undefined;
}

/** The actors that a list shows: those under way first, each part with the newest first. */
export function rowsIn(state: ClusterState, filter: RowFilter = {}): ActorRow[] {
  return [...state.records.values()]
    .filter(record => passes(record, filter))
    .sort(
      (left, right) =>
        Number(left.final) - Number(right.final) || compare(right.since, left.since) || compare(left.id, right.id),
    )
    .map(record => rowOf(state, record));
}

function passes(record: SeenRecord, filter: RowFilter): boolean {
  return (
    (filter.ended === true || !record.final) &&
    (filter.kind === undefined || record.kind === filter.kind) &&
    (filter.plan === undefined || record.context.plan === filter.plan) &&
    (filter.state === undefined || record.state.split('.')[0] === filter.state) &&
    (filter.agent === undefined || record.owner?.agent === filter.agent)
  );
}

function rowOf(state: ClusterState, record: SeenRecord): ActorRow {
  const progress = state.progress.get(actorKey(record)) ?? progressOf(record.context.progress);
  return { record, progress: hasMoved(record) ? undefined : progress };
}

/** A drill compares in `verifying`, and says how far it is. */
export function hasMoved({ kind, state, final }: SeenRecord): boolean {
  const [first = ''] = state.split('.', 1);
  return final || ['committing', 'cleaning'].includes(first) || (first === 'verifying' && kind !== 'drill');
}

function isNewer(record: SeenRecord, known: SeenRecord): boolean {
  if (record.at !== known.at) return record.at > known.at;
  if (record.after !== known.after) return record.after > known.after;
  return Object.keys(record.context).length > Object.keys(known.context).length;
}

function forgetEnded(records: Map<string, SeenRecord>, endedMax: number): void {
  if (records.size <= endedMax) return;
  const ended = [...records]
    .filter(([, record]) => record.final)
    .sort(([, left], [, right]) => compare(left.at, right.at));
  for (const [key] of ended.slice(0, Math.max(0, ended.length - endedMax))) records.delete(key);
}

function actorKey(actor: { kind: string; id: string }): string {
  return `${actor.kind}.${actor.id}`;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
