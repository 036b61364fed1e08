/** What a change of Defaults does to the plans that they match: it must leave each of them one that can run. */
import { isDeepStrictEqual } from 'node:util';
import { AnswerError } from '../../core/answer-error.ts';
import { type Defaults, effectivePlan } from '../../domain/defaults.ts';
import type { Plan, PlanDocument } from '../../domain/plan.ts';
import type { AgentParts } from '../agent-parts.ts';
import { refuseUnknownNames } from './plan-refusals.ts';

/** The plan with the Defaults that match it; throws `invalid`, naming both, where that is none. */
export function mergedOrRefused(written: PlanDocument, all: readonly Defaults[]): Plan {
  const merged = effectivePlan(written, all);
  if ('plan' in merged) return merged.plan;
  const from = merged.from.length === 0 ? 'no Defaults match it' : `with the Defaults ${merged.from.join(', ')}`;
  throw new AnswerError(
    'invalid',
    `plan ${written.name}: ${merged.wrong} (${from})`,
    'write it into the plan, or into Defaults that match its labels',
  );
}

/** Rejects where Defaults as they will be make a plan invalid that was not, or name what its agents lack. */
export async function refuseBroken(
  parts: AgentParts,
  name: string,
  { before, after }: { before: readonly Defaults[]; after: readonly Defaults[] },
): Promise<void> {
  for (const { written } of await parts.plans.listWritten()) {
    const [was, willBe] = [effectivePlan(written, before), effectivePlan(written, after)];
    if (!('plan' in was) || isDeepStrictEqual(was, willBe)) continue;
    if (!('plan' in willBe))
      throw new AnswerError(
        'invalid',
        `the Defaults ${name} would make plan ${written.name} invalid: ${willBe.wrong}`,
        'change the plan first, or its labels',
      );
    await refuseUnknownNames(willBe.plan, parts).catch((error: unknown) => {
      if (!(error instanceof AnswerError)) throw error;
      throw new AnswerError(error.code, `the Defaults ${name}: ${error.message}`, error.hint, { cause: error });
    });
  }
}
