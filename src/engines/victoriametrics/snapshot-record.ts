/**
 * `snapshot.json` in a run's directory: which snapshot is the run's, synced before anything uses it. Of each request whose
 * answer has not come it has what was there before, so that a snapshot whose name never came can be told from others'.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RunDirectory } from '../../runner/run-directory.ts';
import { isSnapshotName } from './snapshot-api.ts';

const fileName = 'snapshot.json';

/** A request for a snapshot: what was there before it, and the server's time then (ms). */
export interface Asked {
  before: string[];
  at: number;
}

export interface SnapshotRecord {
  url: string;
  /** The run's snapshot; null where it has none yet. */
  name: string | null;
  /** The requests that were not answered, or not yet. */
  asked: Asked[];
  /** Snapshots that may be this run's or a stranger's: nobody can tell, so they are left. */
  doubtful: string[];
}

/** Undefined where the run never asked for one. */
export async function readSnapshotRecord(directory: Pick<RunDirectory, 'path'>): Promise<SnapshotRecord | undefined> {
  return await readRecordIn(directory.path);
}

export async function writeSnapshotRecord(directory: RunDirectory, record: SnapshotRecord): Promise<void> {
  await directory.writeJob(record, fileName);
}

/** What the other runs of this agent say of the same server: whose names are theirs, and whether one waits for an answer. */
export async function othersOf(
  directory: Pick<RunDirectory, 'path'>,
  url: string,
): Promise<{ names: Set<string>; isAsking: boolean }> {
  const runs = dirname(directory.path);
  const found = { names: new Set<string>(), isAsking: false };
  for (const run of await readdir(runs)) {
    if (run === basename(directory.path)) continue;
    const record = await readRecordIn(join(runs, run));
    if (record?.url !== url) continue;
    if (record.name !== null) found.names.add(record.name);
    if (record.asked.length > 0) found.isAsking = true;
  }
  return found;
}

async function readRecordIn(directory: string): Promise<SnapshotRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(directory, fileName), 'utf8')) as SnapshotRecord;
    const isSound = Array.isArray(record.asked) && (record.name === null || isSnapshotName(record.name));
    return isSound ? record : undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
