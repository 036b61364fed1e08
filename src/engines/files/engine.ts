/** The built-in engine as a run sees it: a job file, a process of ours that does it, and its last word. */
import { access } from 'node:fs/promises';
import type { FilesEngineConfig } from '../../domain/engine-config.ts';
import type { RunResult, TransferOutput } from '../../domain/run.ts';
import { openRepository, runDirectory } from '../../repository/repository.ts';
import { removeOwnDrafts, tracesIn } from '../../repository/traces.ts';
import type { Engine, EngineScope, EngineStep } from '../engine.ts';
import { permanent } from '../failures.ts';
import { jobStep } from '../job-step.ts';
import { restoreOf } from '../restore-request.ts';
import { checkFiles } from './check.ts';
import { engineCommand, engineVariables } from './command.ts';
import type { EngineResultOf } from './events.ts';
import type { Job, JobOf } from './job.ts';

const noneSkipped = { count: 0, first: [], path: null };

export const filesEngine: Engine = {
  isResumable: () => true,
  stopSignal: () => 'SIGTERM',
  slot: {
    commit: (scope, manifest, outcome) => {
      const job = { task: 'commit' as const, run: scope.run.id, repository: pathOf(scope), manifest, outcome };
      return filesStep(scope, job, ({ slot }) => slot);
    },
    void: (scope, epoch) => {
      const job = { task: 'void' as const, run: scope.run.id, repository: pathOf(scope), epoch };
      return filesStep(scope, job, ({ slot }) => slot);
    },
  },
  transfer: scope => {
    const { task } = scope.run;
    if (task === 'backup') return filesStep(scope, () => backupJob(scope), backupOutput);
    const repository = pathOf(scope);
    const { backup, to, include } = restoreOf(scope.run);
    if (task === 'verify')
      return filesStep(scope, { task, repository, backup }, result => verifyOutput(backup, result));
    return filesStep(scope, { task: 'restore', repository, backup, to, include }, restoreOutput);
  },
  compare: scope => {
    const { backup, to } = restoreOf(scope.run);
    const job = { task: 'compare' as const, repository: pathOf(scope), backup, to };
    return filesStep(scope, job, result => compareOutput(backup, result));
  },
  prove: async ({ run }) => {
    if (run.result.manifest !== null) return;
    const message = 'the engine ended without a manifest';
    throw permanent('proof-missing', message, 'look at its log; the next run starts anew');
  },
  discard,
  traces: async scope => await tracesIn(await openRepository(pathOf(scope))),
  tidy: async scope => {
    const drafts = await removeOwnDrafts(await openRepository(pathOf(scope)));
    return drafts.map(name => `draft ${name}`);
  },
  check: checkFiles,
  prune: (scope, doomed) => {
    const backups = doomed.map(({ id }) => id);
    const job = { task: 'prune' as const, run: scope.run.id, repository: pathOf(scope), backups };
    return filesStep(scope, job, ({ bytes, copied }) => ({ bytesFreed: Math.max(0, bytes - copied.bytes) }));
  },
};

async function backupJob({ run, config, previous, repository }: EngineScope): Promise<JobOf<'backup'>> {
  const { type: _, ...source } = run.document.engine as FilesEngineConfig;
  const { bytesPerSecond, runs } = config.limits;
  const last = await previous();
  return {
    task: 'backup',
    run: run.id,
    plan: run.plan,
    source,
    repository: pathOf({ repository }),
    excludeDirs: [config.data],
    tolerate: run.policy.tolerate,
    guard: run.policy.guard,
    previous: last && { files: last.files, bytes: last.bytes },
    rescan: run.rescan,
    // Each run has its share, so that as many as may run at once keep to the limit together.
    ...(bytesPerSecond !== null && { bytesPerSecond: Math.max(1, Math.floor(bytesPerSecond / runs)) }),
  };
}

function backupOutput(staged: EngineResultOf<'backup'>): TransferOutput {
  const { outcome, reason, message, hint, bytes, files, bytesStored, manifest, skipped } = staged;
  return { outcome, reason, message, hint, result: { bytes, files, bytesStored, position: null, manifest }, skipped };
}

function restoreOutput(done: EngineResultOf<'restore'>): TransferOutput {
  return { outcome: 'completed', reason: null, result: resultOf(done), skipped: noneSkipped };
}

function verifyOutput(backup: string, checked: EngineResultOf<'verify'>): TransferOutput {
  const result = resultOf(checked);
  const { count } = checked.damaged;
  if (count === 0) return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
  const message = `${count} chunks of backup ${backup} are damaged or missing`;
  const hint =
    'restore what you can from another backup; the next backup stores again what its source still has of them';
  return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
}

function compareOutput(backup: string, compared: EngineResultOf<'compare'>): TransferOutput {
  const result = resultOf(compared);
  const { count, first } = compared.different;
  if (count === 0) return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
  const message = `${count} entries of backup ${backup} came back other than they were: ${first.map(({ path, why }) => `${path}: ${why}`).join('; ')}`;
  const hint = 'see whether the disk of the agent or of the repository is sound: a verify reads the backup alone';
  return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
}

function resultOf({ bytes, files }: { bytes: number; files: number }): RunResult {
  return { bytes, files, bytesStored: null, position: null, manifest: null };
}

/** Deciding the slot removed what was temporary, unless that failed or the slot could not be decided. */
async function discard(scope: EngineScope): Promise<string[] | EngineStep<string[]>> {
  const repository = pathOf(scope);
  const { id } = scope.run;
  const isLeft = await access(runDirectory({ path: repository, id: '' }, id)).then(
    () => true,
    () => false,
  );
  return isLeft ? filesStep(scope, { task: 'discard', run: id, repository }, () => []) : [];
}

function pathOf({ repository }: Pick<EngineScope, 'repository'>): string {
  if (repository.type !== 'files') throw new Error(`the engine files has no repository of type ${repository.type}`);
  return repository.path;
}

/** One job of the engine process, and what becomes of its result. */
export function filesStep<Task extends Job['task'], Output>(
  scope: Pick<EngineScope, 'directory'>,
  job: JobOf<Task> | (() => Promise<JobOf<Task>>),
  outputOf: (result: EngineResultOf<Task>) => Output,
): EngineStep<Output> {
  const order = (jobPath: string, { task }: JobOf<Task>) => {
    const [command, ...args] = engineCommand(jobPath, task);
    return { command, args, env: engineVariables(task) };
  };
  return jobStep(scope, { job, order }, outputOf);
}
