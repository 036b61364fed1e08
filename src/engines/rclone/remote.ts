/**
 * Where a backup lies at a remote, and short calls of rclone about it:
 *
 *   <remote>/<plan>/<run>/          the files, as they are
 *   <remote>/<plan>/<run>.sha256    their hashes, as sha256sum writes them; by another hash where the remote has no such
 */
import { type RepositoryConfigOf, repositoryPathOf } from '../../domain/repository-config.ts';
import { callHelper, type HelperResult } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { transient } from '../failures.ts';
import { command, type HashName, hashes } from './facts.ts';
import { failureOfWords } from './words.ts';

export function repositoryOf({ repository }: Pick<EngineScope, 'repository'>): RepositoryConfigOf<'rclone'> {
  if (repository.type === 'rclone') return repository;
  throw new Error(`the engine rclone has no repository of type ${repository.type}`);
}

/** The directory of a plan's backups. */
export function planDirectory(scope: Pick<EngineScope, 'run' | 'repository'>): string {
  const { remote } = repositoryOf(scope);
  return `${remote}${/[:/]$/.test(remote) ? '' : '/'}${scope.run.plan}`;
}

/** The directory of one backup; its listing stands beside it. */
export function directoryOf(scope: Pick<EngineScope, 'run' | 'repository'>, backup: string): string {
  return `${planDirectory(scope)}/${backup}`;
}

/** What every call has: the configuration, no questions, and symbolic links as what they are. */
export function baseArgs(scope: Pick<EngineScope, 'repository'>): string[] {
  const { configFile } = repositoryOf(scope);
  return [...(configFile === undefined ? [] : ['--config', configFile]), '--ask-password=false', '--links'];
}

export interface Call {
  what: string;
  args: readonly string[];
  signal: AbortSignal;
  timeoutMs?: number;
  /** Exit statuses beside 0 that are no failure. */
  alsoFine?: readonly (number | null)[];
}

/** Calls rclone beside the run's process. Rejects with a classified failure. */
export async function call(
  scope: EngineScope,
  { what, args, signal, timeoutMs, alsoFine = [] }: Call,
): Promise<HelperResult> {
  const bound = timeoutMs === undefined ? {} : { timeoutMs };
  const result = await callHelper({
    what,
    command,
    args: [...args, ...baseArgs(scope)],
    token: scope.key,
    signal,
    ...bound,
  });
  if (result.code === 0 || alsoFine.includes(result.code)) return result;
  throw failureOfWords(`${what} failed`, result.stderr);
}

/** The hash that a listing of this remote is made of; undefined where it keeps none. */
export async function hashOf(scope: EngineScope, signal: AbortSignal): Promise<HashName | undefined> {
  const args = ['backend', 'features', directoryOf(scope, scope.run.id)];
  const { stdout } = await call(scope, { what: 'the question what the remote can do', args, signal });
  const { Hashes: known } = JSON.parse(stdout) as { Hashes?: string[] | null };
  return hashes.find(hash => known?.includes(hash));
}

const syncTimeoutMs = 60 * 60_000;

/** rclone syncs nothing: what it wrote on this host must be on its disk before a slot names it. */
export async function syncLocal(scope: EngineScope, signal: AbortSignal): Promise<void> {
  const path = repositoryPathOf(scope.repository);
  if (path === undefined) return;
  const what = `the sync of the disk of ${path}`;
  const asked = { what, command: 'sync', args: ['-f', '--', path], token: scope.key, signal, timeoutMs: syncTimeoutMs };
  const { code, stderr } = await callHelper(asked);
  if (code !== 0) throw transient('repository-unreachable', `${what} failed: ${stderr.trim()}`, 'look at that disk');
}
