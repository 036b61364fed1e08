/** A command of the agent's own file as a run sees it: it writes a directory, which is proved, listed and committed by us. */
import { access, constants, lstat, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { durationMs } from '../../domain/quantities.ts';
import type { Progress, TransferOutput } from '../../domain/run.ts';
import { ensureDirectory } from '../../repository/durable-file.ts';
import { atRepository } from '../../repository/repository-failure.ts';
import { readSlotFile } from '../../repository/slot-file.ts';
import type { Engine, EngineOrder, EngineScope, EngineStep, StepEnd } from '../engine.ts';
import { endedWithout, permanent } from '../failures.ts';
import { jobStep, processBeside } from '../job-step.ts';
import { takeRestoreDirectory } from '../restore-directory.ts';
import { restoreOf } from '../restore-request.ts';
import { countTree } from '../tree.ts';
import { verdictOf } from '../verdict.ts';
import { type BackupPlace, makePlanDirectory, placeOf, undecidedIn } from './backup-place.ts';
import { checkExec } from './check.ts';
import { type Definition, definitionOf, execOf, filled } from './definition.ts';
import type { Job, JobOf, Results } from './job.ts';
import { progressOf } from './progress.ts';
import { environmentOf, giveTo, type User, userOf } from './user.ts';

const noneSkipped = { count: 0, first: [], path: null };

export const execEngine: Engine = {
  isResumable: (document, config) => execOf(document, config)?.resumable === true,
  stopSignal: (document, config) => `SIG${execOf(document, config)?.stop?.signal ?? 'TERM'}` as const,
  stopGraceMs: (document, config) => {
    const grace = execOf(document, config)?.stop?.grace;
    return grace === undefined ? undefined : durationMs(grace);
  },
  checkPlan: (document, config) => {
    definitionOf(document, config);
  },
  slot: {
    commit: (scope, _manifest, outcome) =>
      execStep(scope, { task: 'commit', ...backupOf(scope), outcome }, slot => slot),
    void: (scope, epoch) => execStep(scope, { task: 'void', ...backupOf(scope), epoch }, slot => slot),
  },
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return backupStep(scope);
    return task === 'verify' ? verifyStep(scope) : restoreStep(scope);
  },
  // What its command makes of a backup only the command knows; that it was given the whole backup is known.
  compare: verifyStep,
  prove: async scope => {
    const proof = definitionOf(scope.run.document, scope.config).proof?.file ?? null;
    return execStep(scope, { task: 'seal', ...backupOf(scope), proof }, () => undefined);
  },
  discard: async scope => {
    const { run } = scope;
    const { output, listing } = outputPlace(scope);
    if (run.slot === 'manifest') return [];
    if (run.pids.length > 0) return [`${output}: its command could not be ended, and may still write there`];
    const left = await Promise.all([output, listing].map(path => lstat(path).catch(() => undefined)));
    if (left.every(stats => stats === undefined)) return [];
    return execStep(scope, { task: 'discard', ...backupOf(scope) }, kept => kept);
  },
  traces: async ({ repository }) => {
    if (repository.type !== 'directory') return [];
    return await atRepository(repository.path, () => undecidedIn(repository.path));
  },
  check: checkExec,
  prune: (scope, backups) => {
    const job = { task: 'prune' as const, ...backupOf(scope), backups: backups.map(({ id }) => id) };
    return execStep(scope, job, result => result);
  },
};

function backupStep(scope: EngineScope): EngineStep<TransferOutput> {
  const place = outputPlace(scope);
  return {
    order: async () => {
      const definition = await runnable(scope, 'backup');
      const user = await userIn(definition, scope);
      await makeOutput(place, definition, user);
      return orderOf(definition, definition.backup, { output: place.output }, user);
    },
    ...progressBy(scope, place.output),
    outcome: async end => {
      if (end.code !== 0) throw endedWithout(end, 'made no backup');
      const counted = await atRepository(place.repository, () => countTree(place.output));
      const { guard, tolerate } = scope.run.policy;
      const expected = { source: 'its output', guard, tolerate, previous: await scope.previous() };
      const verdict = verdictOf(expected, counted, { vanished: 0, changed: 0, unreadable: 0 });
      const result = { ...counted, bytesStored: counted.bytes, position: null, manifest: scope.run.id };
      return { ...verdict, result, skipped: noneSkipped };
    },
  };
}

function restoreStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup, to, include } = restoreOf(scope.run);
  return {
    order: async () => {
      const definition = await runnable(scope, 'restore');
      if (!definition.restore)
        throw permanent(
          'engine-failed',
          `the exec ${definition.name} has no command to restore with`,
          `define \`restore\` in the agent's file, or copy ${placeOfBackup(scope, backup).output} yourself`,
        );
      if (include.length > 0) throw permanent('engine-failed', 'an exec restores whole backups', 'leave out `include`');
      const { output } = await committed(scope, backup);
      const user = await userIn(definition, scope);
      await takeRestoreDirectory(scope, to);
      if (user) await giveScratch(scope, user, to);
      return orderOf(definition, definition.restore, { input: output, to }, user);
    },
    ...progressBy(scope, to),
    outcome: async end => {
      const output = completed(end, await countTree(to));
      if (scope.run.task === 'drill') await refuseNothing(scope, output);
      return output;
    },
  };
}

function verifyStep(scope: EngineScope): EngineStep<TransferOutput> {
  const { backup } = restoreOf(scope.run);
  const job = async () => {
    await committed(scope, backup);
    return { task: 'verify' as const, ...backupOf(scope), run: backup };
  };
  return execStep(scope, job, ({ difference, files, bytes }) => {
    const result = { files, bytes, bytesStored: null, position: null, manifest: null };
    if (difference.count === 0) return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
    const message = `backup ${backup} differs from its listing in ${difference.count} places: ${difference.first.join(', ')}`;
    const hint = 'restore from another backup, and see who writes into the repository';
    return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
  });
}

/** Above the scratch of a drill stands a directory that lets nobody else through. */
async function giveScratch({ run }: EngineScope, user: User, to: string): Promise<void> {
  if (run.task === 'drill') await giveTo(user, dirname(to));
  await giveTo(user, to);
}

function completed(end: StepEnd, counted: { files: number; bytes: number }): TransferOutput {
  if (end.code !== 0) throw endedWithout(end, 'restored nothing that counts');
  const result = { ...counted, bytesStored: null, position: null, manifest: null };
  return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
}

/** A command that brings nothing back, and ends well, has restored nothing. */
async function refuseNothing(scope: EngineScope, { result }: TransferOutput): Promise<void> {
  const { id, files } = await scope.backup();
  if (files === 0 || result.files !== 0) return;
  const hint = 'see its log with: reeve logs; what it restores must come to {to}';
  throw permanent('proof-missing', `the command ended well and brought back nothing of backup ${id}`, hint);
}

/** Its definition, once its command is known to be there. */
async function runnable({ run, config }: EngineScope, task: 'backup' | 'restore'): Promise<Definition> {
  const definition = definitionOf(run.document, config);
  const [command] = definition[task] ?? definition.backup;
  await access(command, constants.X_OK).catch(cause => {
    const hint = "install it, or correct the agent's file";
    throw permanent('engine-missing', `cannot run ${command}: ${(cause as Error).message}`, hint, { cause });
  });
  return definition;
}

/** An attempt starts with an empty output, unless its command goes on where the last one stopped. */
async function makeOutput(place: BackupPlace, { resumable }: Definition, user: User | undefined): Promise<void> {
  await makePlanDirectory(place);
  await atRepository(place.repository, async () => {
    if (resumable !== true) await rm(place.output, { recursive: true, force: true });
    await ensureDirectory(place.output);
    if (user) await giveTo(user, place.output);
  });
}

async function userIn({ user }: Definition, scope: EngineScope): Promise<User | undefined> {
  return user === undefined ? undefined : await userOf(user, scope);
}

function orderOf(
  { values, env = [] }: Definition,
  [command, ...args]: [string, ...string[]],
  own: Record<string, string>,
  user: User | undefined,
): EngineOrder {
  const variables = env.flatMap(name => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const filledIn = filled(args, { ...values, ...own });
  const order = { command, args: filledIn, env: Object.fromEntries(variables) };
  return user ? { ...order, env: { ...order.env, ...environmentOf(user) }, user: user.name } : order;
}

/** By its own words where it says how far it is, else by what has come to `directory`. */
function progressBy({ run, config }: EngineScope, directory: string): Pick<EngineStep<unknown>, 'hear' | 'measure'> {
  if (definitionOf(run.document, config).progress === 'json-lines') return { hear: progressOf };
  return { measure: async () => progressOfCounts(await countTree(directory)) };
}

function progressOfCounts({ files, bytes }: { files: number; bytes: number }): Progress {
  const unknown = { bytesTotal: null, filesTotal: null, rateBytesPerS: null, etaS: null };
  return { ...unknown, bytesDone: bytes, filesDone: files };
}

/** The place of a backup whose slot says that it exists. */
async function committed(scope: EngineScope, backup: string): Promise<BackupPlace> {
  const place = placeOfBackup(scope, backup);
  const slot = await atRepository(place.repository, () => readSlotFile(place.slot));
  if (slot?.slot === 'manifest') return place;
  const message = `the repository ${place.repository} has no backup ${backup}`;
  throw permanent('data-corrupt', message, 'see what can be restored with: reeve backups');
}

function backupOf({ run, repository }: Pick<EngineScope, 'run' | 'repository'>) {
  if (repository.type !== 'directory') throw new Error(`the engine exec has no repository of type ${repository.type}`);
  return { repository: repository.path, plan: run.plan, run: run.id };
}

function outputPlace(scope: EngineScope): BackupPlace {
  return placeOfBackup(scope, scope.run.id);
}

function placeOfBackup(scope: EngineScope, backup: string): BackupPlace {
  const { repository, plan } = backupOf(scope);
  return placeOf(repository, plan, backup);
}

/** One job of this engine's own process, and what becomes of its result. */
function execStep<Task extends Job['task'], Output>(
  scope: EngineScope,
  job: JobOf<Task> | (() => Promise<JobOf<Task>>),
  outputOf: (result: Results[Task]) => Output,
): EngineStep<Output> {
  const order = (jobPath: string) => ({
    command: process.execPath,
    args: [processBeside(import.meta.url, 'process'), jobPath],
  });
  return jobStep(scope, { job, order }, outputOf);
}
