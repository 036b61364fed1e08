/**
 * Snapshots whose names never came, for the answer was lost or nobody waited for it any more.
 *
 * 1. One is deleted only if it cannot well be a stranger's: it was not there before, its own name says that it was made
 *    while this run asked, there are not more such ones than requests without an answer, no other run of this agent names
 *    it or waits for an answer at the same time, and none has kept it. Otherwise it is left, and told as kept.
 * 2. Nor while the server may still be making it, which ends the server: only once a snapshot was answered that it made
 *    later, for it makes one after the other. Where there is none yet, one is made for that.
 * 3. It is never used either: the server may not have finished it.
 */
import { helperTimeoutMs } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { snapshotName } from './facts.ts';
import { keptNames } from './kept-names.ts';
import type { SnapshotApi } from './snapshot-api.ts';
import { othersOf, readSnapshotRecord, type SnapshotRecord, writeSnapshotRecord } from './snapshot-record.ts';
import { askForSnapshot } from './snapshot-request.ts';

type OfRun = Pick<EngineScope, 'directory' | 'config'>;

/** How long after it was asked for a snapshot may have been made: the request's bound, and as much again. */
const madeWithinMs = 2 * helperTimeoutMs;

/** Deletes what a run has lost; its record then names what was made for that, which is for the caller to delete. */
export async function settleLost(
  scope: OfRun,
  api: SnapshotApi,
  signal: AbortSignal,
): Promise<SnapshotRecord | undefined> {
  const record = await readSnapshotRecord(scope.directory);
  if (!record || record.asked.length === 0) return record;
  const list = await api.list(signal);
  const { lost, isDoubtful } = await lostAmong(list.names, scope, record, api.url);
  if (lost.length === 0) return record;
  const isFenced = record.name !== null || isDoubtful;
  return await deleteLost(
    scope,
    isFenced ? record : await askForSnapshot(scope, record, list, api, signal),
    api,
    signal,
  );
}

/** Deletes what was lost before the snapshot that the record names. */
export async function deleteLost(
  scope: OfRun,
  record: SnapshotRecord,
  api: SnapshotApi,
  signal: AbortSignal,
): Promise<SnapshotRecord> {
  if (record.asked.length === 0) return record;
  const { names } = await api.list(signal);
  const { lost, isDoubtful } = await lostAmong(names, scope, record, api.url);
  const left: string[] = [];
  for (const name of lost) {
    if (!isDoubtful && record.name !== null && isMadeBefore(name, record.name)) await api.delete(name, signal);
    else left.push(name);
  }
  const settled = { ...record, asked: [], doubtful: [...new Set([...record.doubtful, ...left])] };
  await writeSnapshotRecord(scope.directory, settled);
  return settled;
}

/** Those that may be the run's, and whether nobody can tell that. */
async function lostAmong(
  names: readonly string[],
  { directory, config }: OfRun,
  { name: own, asked }: SnapshotRecord,
  url: string,
): Promise<{ lost: string[]; isDoubtful: boolean }> {
  // In this order: a run that made one of these asks or names it by now, and what it keeps it remembers before it goes.
  const others = await othersOf(directory, url);
  const kept = await keptNames(config);
  const isOthers = (name: string) => name === own || others.names.has(name) || kept.has(name);
  const isAsked = (name: string) => asked.some(({ before, at }) => !before.includes(name) && isMadeBy(name, at));
  const lost = names.filter(name => !isOthers(name) && isAsked(name));
  // No more than requests were sent by then.
  const isTooMany = asked.some(({ before }, sent) => lost.filter(name => before.includes(name)).length > sent);
  return { lost, isDoubtful: isTooMany || lost.length > asked.length || others.isAsking };
}

/** By the time in its name, which has no fractions of a second. */
function isMadeBy(name: string, askedAt: number): boolean {
  const [, year, month, day, hour, minute, second] = (snapshotName.exec(name) ?? []).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  return at >= askedAt - 1_000 && at <= askedAt + madeWithinMs;
}

/** By the counters in their names, which a server begins with the time of its start. */
function isMadeBefore(one: string, other: string): boolean {
  const [counter, later] = [one, other].map(name => BigInt(`0x${snapshotName.exec(name)?.[7]}`)) as [bigint, bigint];
  return counter < later;
}
