/** A job of the engine process: what its starter writes into the job file, as JSON. */
import { isId } from '../../core/ids.ts';
import type { FilesEngineConfig } from '../../domain/engine-config.ts';
import type { RunPolicy } from '../../domain/policy.ts';

export type SourceConfig = Omit<FilesEngineConfig, 'type'>;

export type Job =
  | {
      task: 'backup';
      run: string;
      plan: string;
      source: SourceConfig;
      /** Absolute path of the repository; made where it is missing and the directory above is there. */
      repository: string;
      /** Absolute directories that are never read, such as the agent's data; the repository is always among them. */
      excludeDirs: string[];
      tolerate: RunPolicy['tolerate'];
      guard: RunPolicy['guard'];
      /** Counts of the last backup that completed, to tell a source that shrank; null where there is none. */
      previous: { files: number; bytes: number } | null;
      /** Read every file, also those that have not changed since the last backup. */
      rescan?: boolean;
      /** The most that is read of the source in a second; undefined or 0 where there is no limit. */
      bytesPerSecond?: number;
    }
  | { task: 'commit'; run: string; repository: string; manifest: string; outcome: 'completed' | 'partial' }
  | { task: 'void'; run: string; repository: string; epoch: number }
  | { task: 'restore'; repository: string; backup: string; to: string; include: string[] }
  | { task: 'verify'; repository: string; backup: string }
  | {
      task: 'prune';
      /** The prune's own run. */
      run: string;
      repository: string;
      /** The ids of the backups that go. */
      backups: string[];
    }
  | { task: 'discard'; run: string; repository: string };

export type JobOf<Task extends Job['task']> = Extract<Job, { task: Task }>;

/** The job in a job file's text. Throws an Error that names the field that is wrong. */
export function parseJob(text: string): Job {
  const json = JSON.parse(text) as Record<string, unknown>;
  const checks = typeof json === 'object' && json !== null ? fieldsOf[String(json.task) as Job['task']] : undefined;
  if (!checks) throw new Error('the job has no task that is known');
  for (const [field, check] of Object.entries(checks))
    if (!check(json[field])) throw new Error(`the job's ${field} is wrong: ${JSON.stringify(json[field])}`);
  return json as Job;
}

type Check = (value: unknown) => boolean;

const isPath: Check = value => typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
const isRun: Check = value => typeof value === 'string' && isId(value);
const isCount: Check = value => Number.isSafeInteger(value) && (value as number) >= 0;
const isTolerance: Check = value => value === 'any' || isCount(value);
const isTexts: Check = value => Array.isArray(value) && value.every(text => typeof text === 'string');
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value);
const object =
  (fields: Record<string, Check>): Check =>
  value =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(fields).every(([field, check]) => check((value as Record<string, unknown>)[field]));

const fieldsOf: Record<Job['task'], Record<string, Check>> = {
  backup: {
    run: isRun,
    plan: value => typeof value === 'string',
    source: object({
      path: isPath,
      exclude: optional(isTexts),
      oneFileSystem: optional(value => typeof value === 'boolean'),
      requireMount: optional(value => typeof value === 'boolean'),
    }),
    repository: isPath,
    excludeDirs: value => Array.isArray(value) && value.every(isPath),
    tolerate: object({ vanished: isTolerance, changed: isTolerance, unreadable: isTolerance }),
    guard: object({ minFiles: isCount, maxShrinkPercent: isCount }),
    previous: value => value === null || object({ files: isCount, bytes: isCount })(value),
    rescan: optional(value => typeof value === 'boolean'),
    bytesPerSecond: optional(isCount),
  },
  commit: {
    run: isRun,
    repository: isPath,
    manifest: value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
    outcome: value => value === 'completed' || value === 'partial',
  },
  void: { run: isRun, repository: isPath, epoch: isCount },
  restore: { repository: isPath, backup: isRun, to: isPath, include: isTexts },
  verify: { repository: isPath, backup: isRun },
  prune: { run: isRun, repository: isPath, backups: value => Array.isArray(value) && value.every(isRun) },
  discard: { run: isRun, repository: isPath },
};
