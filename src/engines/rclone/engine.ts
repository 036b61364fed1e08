/** rclone as a run sees it: a directory into a remote, one directory a backup; the catalog keeps the commit slot. */
import { stat } from 'node:fs/promises';
import { isId } from '../../core/ids.ts';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { RunContext, TransferOutput } from '../../domain/run.ts';
import type { Engine, EngineScope, EngineStep } from '../engine.ts';
import { permanent } from '../failures.ts';
import { takeRestoreDirectory } from '../restore-directory.ts';
import { restoreOf } from '../restore-request.ts';
import { countTree } from '../tree.ts';
import { verdictOf } from '../verdict.ts';
import { checkRclone } from './check.ts';
import { command, exitNotFound, stopSignal } from './facts.ts';
import { filterFile, sourceFilters } from './filter-file.ts';
import { includeLines } from './filters.ts';
import { fetchListing, storeListing } from './listing.ts';
import { checkStep } from './proof.ts';
import { baseArgs, call, directoryOf, hashOf, planDirectory, syncLocal } from './remote.ts';
import { Words } from './words.ts';

const noneSkipped = { count: 0, first: [], path: null };
/** Counting a large remote takes a listing of it. */
const countTimeoutMs = 30 * 60_000;

/** Some remotes remove files one by one. */
const removalTimeoutMs = 6 * 60 * 60_000;
/** What is not to be tried for ever. */
const quick = ['--retries', '1', '--low-level-retries', '3'];

/** Names of damaged files that are told apart; there are no more than that, or at least so many. */
const damagedMax = 100_000;

/** What its long processes say, and how often. */
const spoken = ['--use-json-log', '--stats', '1s', '--stats-log-level', 'NOTICE'];

export const rcloneEngine: Engine = {
  // What was copied is found by size and time, and not copied again.
  isResumable: () => true,
  stopSignal: () => stopSignal,
  slot: 'catalog',
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return backupStep(scope);
    return task === 'verify' ? verifyStep(scope) : restoreStep(scope);
  },
  compare: compareStep,
  prove: async (scope, signal) => {
    if (scope.run.result.files === 0) return;
    await storeListing(scope, signal);
    await syncLocal(scope, signal);
    return checkStep(scope, [...spoken, ...baseArgs(scope)], sourceOf(scope.run));
  },
  discard,
  check: checkRclone,
  prune: async (scope, backups, signal) => {
    await startable(scope);
    // Where the disk or the mount below a remote is away, nothing is gone.
    const args = ['lsf', '--max-depth', '1', ...quick, planDirectory(scope)];
    if (backups.length > 0) await call(scope, { what: "the listing of the plan's backups", args, signal });
    for (const { id } of backups) await removeBackup(scope, id, signal);
    return { bytesFreed: null };
  },
};

function backupStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { run, config } = scope;
  const source = sourceOf(run);
  const to = directoryOf(scope, run.id);
  const words = new Words();
  return {
    order: async () => {
      await startable(scope);
      await stat(source).catch(cause => {
        const message = `the source ${source} cannot be read: ${(cause as Error).message}`;
        throw permanent('source-missing', message, 'mount it, or let the agent read it', { cause });
      });
      const { bytesPerSecond, runs } = config.limits;
      const share = bytesPerSecond === null ? [] : ['--bwlimit', `${Math.max(1, Math.floor(bytesPerSecond / runs))}B`];
      // What an attempt before copied and the source has no more must go, so it is no plain copy.
      const args = ['sync', '--create-empty-src-dirs', '--metadata', ...share, ...(await sourceFilters(scope))];
      return { command, args: [...args, ...spoken, ...baseArgs(scope), '--', source, to] };
    },
    hearError: line => words.hear(line),
    outcome: async end => {
      words.hearTail(end.stderrTail);
      if (end.code !== 0 && !words.onlySkipped())
        throw words.failure(`rclone ended with ${end.signal ?? `status ${end.code}`}`, end.stderrTail);
      const counted = await countRemote(scope);
      const { guard, tolerate } = run.policy;
      const expected = { source, guard, tolerate, previous: await scope.previous() };
      const verdict = verdictOf(expected, counted, words.counts());
      const result = { ...counted, bytesStored: counted.bytes, position: null, manifest: run.id };
      return { ...verdict, result, skipped: words.skipped() };
    },
  };
}

function restoreStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup, to, include } = restoreOf(scope.run);
  const words = new Words();
  return {
    order: async () => {
      await startable(scope);
      await takeRestoreDirectory(scope, to);
      const filter = await filterFile(scope, includeLines(include));
      const args = ['copy', '--create-empty-src-dirs', '--metadata', ...filter, ...spoken, ...baseArgs(scope)];
      return { command, args: [...args, '--', directoryOf(scope, backup), to] };
    },
    hearError: line => words.hear(line),
    outcome: async end => {
      if (exitNotFound.includes(end.code))
        throw permanent('data-corrupt', `the remote has no backup ${backup}`, 'see whether somebody removed it there');
      if (end.code !== 0)
        throw words.failure(`rclone ended with ${end.signal ?? `status ${end.code}`}`, end.stderrTail);
      const result = { ...(await countTree(to)), bytesStored: null, position: null, manifest: null };
      return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
    },
  };
}

/** Reads every byte at the remote and holds its hash against the listing of the backup. */
function verifyStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup } = restoreOf(scope.run);
  return holdStep(scope, backup, async () => {
    const { hash, path } = await fetchListing(scope, backup);
    return ['checksum', '--download', '--', hash, path, directoryOf(scope, backup)];
  });
}

/** The same of what was restored; where the remote keeps no hashes it is read once more, and compared byte by byte. */
function compareStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup, to } = restoreOf(scope.run);
  return holdStep(scope, backup, async () => {
    const isListed = (await hashOf(scope, new AbortController().signal)) !== undefined;
    if (!isListed) return ['check', '--download', '--', directoryOf(scope, backup), to];
    const { hash, path } = await fetchListing(scope, backup);
    return ['checksum', '--', hash, path, to];
  });
}

/** A check by rclone, which tells the names of what differs. `words`: what it does, then `--` and with what. */
function holdStep(scope: EngineScope, backup: string, wordsOf: () => Promise<string[]>): EngineStep<TransferOutput> {
  const words = new Words();
  const damaged: string[] = [];
  return {
    order: async () => {
      await startable(scope);
      const asked = await wordsOf();
      const places = asked.indexOf('--');
      const told = ['--differ', '-', '--missing-on-dst', '-', '--missing-on-src', '-', '--error', '-'];
      const args = [...asked.slice(0, places), ...told, ...spoken, ...baseArgs(scope)];
      return { command, args: [...args, ...asked.slice(places)] };
    },
    hear: line => {
      if (damaged.length < damagedMax) damaged.push(line);
      return undefined;
    },
    hearError: line => words.hear(line),
    outcome: async end => {
      if (end.code !== 0 && damaged.length === 0)
        throw words.failure(`rclone ended with ${end.signal ?? `status ${end.code}`}`, end.stderrTail);
      const { bytes, files } = await scope.backup();
      const result = { bytes, files, bytesStored: null, position: null, manifest: null };
      if (damaged.length === 0) return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
      const names = [...new Set(damaged)];
      const message = `backup ${backup} differs from its listing in ${names.length} files: ${names.slice(0, 20).join(', ')}`;
      const hint = 'restore from another backup, and see who writes at the remote';
      return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
    },
  };
}

/** Only what a void slot gave up is removed: the directory of this run, and its listing. */
async function discard(scope: EngineScope, signal: AbortSignal): Promise<string[] | EngineStep<string[]>> {
  const { run } = scope;
  const directory = directoryOf(scope, run.id);
  if (run.task !== 'backup' || run.slot === 'manifest') return [];
  if (run.pids.length > 0) return [`${directory}: its rclone could not be ended, and may still write there`];
  if (run.slot !== 'void') return [`${directory}: its commit slot is not decided`];
  await removeListing(scope, run.id, signal);
  const words = new Words();
  return {
    order: async () => ({ command, args: ['purge', ...quick, ...spoken, ...baseArgs(scope), '--', directory] }),
    hearError: line => words.hear(line),
    outcome: end => {
      if (end.code === 0 || exitNotFound.includes(end.code)) return [];
      throw words.failure(`rclone could not remove ${directory}`, end.stderrTail);
    },
  };
}

async function removeBackup(scope: EngineScope, backup: string, signal: AbortSignal): Promise<void> {
  if (!isId(backup)) throw new Error(`not a backup: ${JSON.stringify(backup)}`);
  await removeListing(scope, backup, signal);
  const args = ['purge', ...quick, directoryOf(scope, backup)];
  const bounds = { signal, timeoutMs: removalTimeoutMs, alsoFine: exitNotFound };
  await call(scope, { what: `the removal of backup ${backup}`, args, ...bounds });
}

async function removeListing(scope: EngineScope, backup: string, signal: AbortSignal): Promise<void> {
  const args = ['delete', ...quick, '--max-depth', '1', '--include', `/${backup}.*`, planDirectory(scope)];
  await call(scope, { what: 'the removal of the listing', args, signal, alsoFine: exitNotFound });
}

/** Rejects with `engine-missing` where there is no rclone: said before a process is started for good. */
async function startable(scope: EngineScope): Promise<void> {
  const { signal } = new AbortController(); // its time is bounded all the same
  await call(scope, { what: 'the version of rclone', args: ['version'], signal });
}

async function countRemote(scope: EngineScope): Promise<{ files: number; bytes: number }> {
  const { signal } = new AbortController(); // bounded by its time; a stop of the run ends it by its token
  const args = ['size', '--json', directoryOf(scope, scope.run.id)];
  const bounds = { signal, timeoutMs: countTimeoutMs, alsoFine: exitNotFound };
  const { code, stdout } = await call(scope, { what: 'the count of the backup', args, ...bounds });
  if (code !== 0) return { files: 0, bytes: 0 };
  const { count, bytes } = JSON.parse(stdout) as { count: number; bytes: number };
  return { files: count, bytes };
}

function sourceOf({ document }: RunContext): string {
  return (document.engine as EngineConfigOf<'rclone'>).path;
}
