/**
 * The disk of the agent's own data, where each run has its directory, when it is full. That is the agent's trouble and not
 * the repository's: an attempt that met it is worth another, and what decides about a backup waits until there is room.
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

/** An effect of a run; that the agent's disk was full is its transient failure `agent-disk-full`. */
export function runEffect<Output, Input extends NonReducibleUnknown>(
  run: (scope: EffectScope<Input>) => Promise<Output>,
): PromiseActorLogic<Output, Input> {
  return effect<Output, Input>(async scope => {
    try {
      return await run(scope);
    } catch (error) {
      throw isDiskFull(error) ? agentDiskFull(error) : error;
    }
  });
}

/** As `runEffect`, for what must not be given up: it is asked again until there is room, or the state is left. */
export function patientEffect<Output, Input extends NonReducibleUnknown>(
  run: (scope: EffectScope<Input>) => Promise<Output>,
): PromiseActorLogic<Output, Input> {
  return effect<Output, Input>(async scope => {
    for (;;) {
      try {
        return await run(scope);
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        await sleep(againMs, undefined, { signal: scope.signal });
      }
    }
  });
}

function agentDiskFull(cause: NodeJS.ErrnoException): FailureError {
  const message = `the disk of the agent's own data is full: ${cause.message}`;
  return transient('agent-disk-full', message, "make room on the disk of `data` of the agent's file", { cause });
}
