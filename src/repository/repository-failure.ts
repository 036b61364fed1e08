/** What the file system says about a repository, as failures: the one place that reads its error codes. */
import { type Failure, FailureError } from '../core/failure.ts';

/** The system's word in an error, such as ENOENT; undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The answer of `attempt`, its file system errors turned into failures about the repository at `path`. */
export async function atRepository<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    throw repositoryError(path, error);
  }
}

/** A failure for a file system's error; anything else (an abort, a failure, a defect) is handed back as it is. */
export function repositoryError(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof FailureError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new FailureError(failureOfCode(path, code, (error as Error).message), { cause: error });
}

function failureOfCode(path: string, code: string, said: string): Failure {
  const unreachable = { code: 'repository-unreachable', message: `the repository ${path} cannot be used: ${said}` };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        kind: 'permanent',
        code: 'repository-full',
        message: `the repository ${path} is full: ${said}`,
        hint: 'free space on its file system or give it another path, then start the backup again: what was stored is kept and reused',
      };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'permanent', ...unreachable, hint: 'let the user that the agent runs as read and write there' };
    case 'EROFS':
      return { kind: 'permanent', ...unreachable, hint: 'its file system is mounted read-only: mount it writable' };
    case 'ENOENT':
    case 'ENOTDIR':
      return {
        kind: 'permanent',
        ...unreachable,
        hint: 'check that the disk is mounted and the directory above the repository is there',
      };
    default:
      return { kind: 'transient', ...unreachable, hint: `the system said ${code}: check the disk or the mount` };
  }
}

/** What a manifest or a chunk that is not what it must be amounts to. */
export function corrupt(message: string, cause?: unknown): FailureError {
  const failure: Failure = {
    kind: 'permanent',
    code: 'data-corrupt',
    message,
    hint: 'run a verify to see which files are touched, and restore those from another backup',
  };
  return new FailureError(failure, cause === undefined ? undefined : { cause });
}

/** True where there was no room on the disk, by the system's word or as a failure. */
export function isFull(error: unknown): boolean {
  if (error instanceof FailureError) return error.failure.code === 'repository-full';
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
}

/** True for what `corrupt` makes. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof FailureError && error.failure.code === 'data-corrupt';
}
