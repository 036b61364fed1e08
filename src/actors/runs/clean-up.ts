/** What is released and removed once a run is over. */
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import { failureOf } from '../../core/failure.ts';
import { engineOf } from '../../engines/engines.ts';
import { Unsettled } from '../../engines/failures.ts';
import type { AgentParts } from '../agent-parts.ts';
import { scopeOf } from './engine-scope.ts';
import { done } from './engine-work.ts';

/**
 * Releases what was prepared and removes what will never be committed; resolves with what had to be left, and why. The
 * run's directory is still needed where that is not settled.
 */
export async function cleanedUp(
  input: RunEffectInput,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<{ kept: string[]; isSettled: boolean }> {
  const { run } = input;
  const engine = engineOf(run.document);
  const kept: string[] = [];
  let isSettled = true;
  const attempt = async (what: string, work: () => Promise<string[]>) => {
    try {
      kept.push(...(await work()));
    } catch (error) {
      const { message } = failureOf(error);
      if (error instanceof Unsettled) isSettled = false;
      kept.push(error instanceof Unsettled ? message : `${what}: ${message}`);
    }
  };
  const scope = await scopeOf(input, parts, signal);
  await attempt(`what was prepared for ${run.id}`, async () => (await engine.release?.(scope, signal)) ?? []);
  if (run.slot !== 'none')
    await attempt(`what ${run.id} had stored`, () =>
      done(engine.discard(scope, signal), 'discard', input, parts, signal),
    );
  return { kept, isSettled };
}
