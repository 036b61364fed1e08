/**
 * The disk of the agent's own data, where each run has its directory, when it is full or cannot be written. That is the
 * agent's trouble and not the repository's: an attempt that met it is worth another, and what decides about a backup waits
 * until there is room.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NonReducibleUnknown, PromiseActorLogic } from 'xstate';
import { FailureError } from '../core/failure.ts';
import { transient } from '../engines/failures.ts';
import { type EffectScope, effect } from '../runtime/effect.ts';

/** How often an effect that waits for room looks again. */
const againMs = 2_000;

/** True for what the system says of a full disk. What engines and repositories met is a FailureError already. */
export function isDiskFull(error: unknown): error is NodeJS.ErrnoException {
  const code = error instanceof Error && !(error instanceof FailureError) && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** What the system says of a file of the agent's own on a disk that is broken, mounted read-only, or another user's. */
const unwritable = ['EROFS', 'EACCES', 'EPERM', 'EIO', 'ENOTDIR'];

/** The effects of the runs of an agent whose own data lie in `data`. */
export function effectsOn(data: string) {
  /** That its disk was full, or not to be written, is an effect's transient failure `agent-disk-full`. */
  const runEffect = <Output, Input extends NonReducibleUnknown>(
    run: (scope: EffectScope<Input>) => Promise<Output>,
  ): PromiseActorLogic<Output, Input> =>
    effect<Output, Input>(async scope => {
      try {
        return await run(scope);
      } catch (error) {
        throw ofDisk(error, data);
      }
    });

  /** For what must not be given up: it is asked again until there is room, or the state is left. */
  const patientEffect = <Output, Input extends NonReducibleUnknown>(
    run: (scope: EffectScope<Input>) => Promise<Output>,
  ): PromiseActorLogic<Output, Input> =>
    runEffect<Output, Input>(async scope => {
      for (;;) {
        try {
          return await run(scope);
        } catch (error) {
          if (!isDiskFull(error)) throw error;
          await sleep(againMs, undefined, { signal: scope.signal });
        }
      }
    });

  return { runEffect, patientEffect };
}

/** The failure that an error is where the agent's disk is its cause; any other error is handed on. */
function ofDisk(error: unknown, data: string): unknown {
  if (isDiskFull(error)) {
    const hint = "make room on the disk of `data` of the agent's file";
    return transient('agent-disk-full', `the disk of the agent's own data is full: ${error.message}`, hint, {
      cause: error,
    });
  }
  if (!isUnwritable(error, data)) return error;
  const message = `the agent's own data cannot be written: ${error.message}`;
  const hint = "see whether the disk of `data` of the agent's file is mounted read-only, and whose it is";
  return transient('agent-disk-full', message, hint, { cause: error });
}

function isUnwritable(error: unknown, data: string): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || error instanceof FailureError) return false;
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined || !path.startsWith(`${data}/`)) return false;
  // Where the directory above cannot be made either, that of a run is said to be missing.
  return unwritable.includes(code) || (code === 'ENOENT' && syscall === 'mkdir');
}
