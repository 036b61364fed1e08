/** A restore as a run sees it: a process of ours that calls restic, for what restic alone does not do (restore-process.ts). */
import { dirname, join } from 'node:path';
import { type Failure, FailureError } from '../../core/failure.ts';
import type { Progress, TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { endedWithout } from '../failures.ts';
import { processBeside } from '../job-step.ts';
import { restoreOf } from '../restore-request.ts';
import { resticEnvironment } from './environment.ts';
import { resticCommand } from './facts.ts';
import { resticFailure } from './failures.ts';
import { patternOf } from './patterns.ts';
import { snapshotOf } from './snapshots.ts';

/** What the process is told. */
export interface RestoreJob {
  /** restic and its arguments, all but `--target`. */
  restic: string[];
  /** The path in the snapshot whose contents are wanted. */
  path: string;
  to: string;
  /** The directory below `to` that restic writes into. */
  staging: string;
  /** Where it writes down that restic is done. */
  mark: string;
  /** restic reads again what it restored, which it does in silence. */
  isReadAgain: boolean;
  /** What there is to restore; null where only a part is wanted. */
  total: { bytes: number; files: number } | null;
}

/** What it says, a line each. */
export type RestoreEvent =
  | { type: 'progress'; progress: Progress }
  | { type: 'result'; bytes: number; files: number }
  | { type: 'failure'; failure: Failure };

/** The directory that restic writes into; on the file system of the target, so that all of it can be moved at once. */
export function stagingOf(to: string, run: string): string {
  return join(to, `.reeve-restore-${run}`);
}

export function restoreStep(scope: EngineScope): EngineStep<TransferOutput> {
  let last: Exclude<RestoreEvent, { type: 'progress' }> | undefined;
  return {
    order: async () => {
      const job = await scope.directory.writeJob(await jobOf(scope));
      const args = [processBeside(import.meta.url, 'restore-process'), job];
      return { command: process.execPath, args, env: await resticEnvironment(scope) };
    },
    hear: line => {
      const event = eventOf(line);
      if (event?.type === 'progress') return event.progress;
      if (event) last = event;
      return undefined;
    },
    outcome: async end => {
      if (last?.type === 'failure') throw new FailureError(last.failure);
      if (end.code !== 0) throw await failureOf(scope, end);
      if (!last) throw endedWithout(end);
      const { bytes, files } = last;
      const result = { bytes, files, bytesStored: null, position: null, manifest: null };
      return { outcome: 'completed', reason: null, result, skipped: { count: 0, first: [], path: null } };
    },
  };
}

async function jobOf(scope: EngineScope): Promise<RestoreJob> {
  const { run, directory } = scope;
  const { to, include } = restoreOf(run);
  const { manifest, bytes, files } = await scope.backup();
  // The plan may name another path by now.
  const [path = '/'] = (await snapshotOf(scope, manifest, new AbortController().signal)).paths;
  const isDrill = run.task === 'drill';
  // What a drill brought back is read again by restic itself, and held against the snapshot.
  const verify = isDrill ? ['--verify'] : [];
  return {
    restic: [
      resticCommand,
      'restore',
      manifest,
      ...verify,
      ...include.map(glob => `--include=${patternOf(path, glob)}`),
    ],
    path,
    to,
    staging: stagingOf(to, run.id),
    // That of a drill goes with its scratch, which each of its attempts begins anew.
    mark: join(isDrill ? dirname(to) : directory.path, 'restored.json'),
    isReadAgain: isDrill,
    total: include.length > 0 ? null : { bytes, files },
  };
}

/** A disk that is full here is not the repository's. */
async function failureOf(
  scope: EngineScope,
  end: Parameters<EngineStep<unknown>['outcome']>[0],
): Promise<FailureError> {
  const failure = await resticFailure(scope, end);
  if (failure.failure.code !== 'repository-full') return failure;
  const message = `cannot restore into ${scope.run.restore?.to}: its disk is full`;
  return new FailureError({
    kind: 'permanent',
    code: 'target-full',
    message,
    hint: 'free space there, and restore again',
  });
}

/** A line that is none of ours is passed over. */
function eventOf(line: string): RestoreEvent | undefined {
  try {
    return JSON.parse(line) as RestoreEvent;
  } catch {
    return undefined;
  }
}
