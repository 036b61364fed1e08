/** Defaults: what plans with certain labels have in common, merged under them. Pure. */
import { z } from 'zod';
import { AnswerError } from '../core/answer-error.ts';
import { wrongOf } from './invalid.ts';
import { type Plan, type PlanDocument, planSchema } from './plan.ts';
import type { StoredPlan, WrittenPlan } from './plan-store.ts';
import { nameText } from './texts.ts';

/** The document of `kind: Defaults`, without `kind`. What a plan is (its name, labels and engine) it says itself. */
export const defaultsSchema = z.strictObject({
  name: nameText,
  /** All of these labels, as they stand in the plan; none match every plan. */
  match: z.record(z.string(), z.string()),
  plan: planSchema.omit({ name: true, labels: true, engine: true }).partial(),
});

export type Defaults = z.infer<typeof defaultsSchema>;

/** A plan with its Defaults under it, or what is wrong with that, and whose Defaults were merged. */
export type Merged = { plan: Plan } | { wrong: string; from: string[] };

/** Choices between things, of which a half is none: the plan's stands, whatever its Defaults choose. */
const choices = ['placement', 'repository'];

/** The Defaults that match a plan, by name. */
export function defaultsOf({ labels = {} }: Pick<PlanDocument, 'labels'>, all: readonly Defaults[]): Defaults[] {
  return all
    .filter(({ match }) =>
      Object.entries(match).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value),
    )
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The plan that is acted on: later names win over earlier ones, and the plan over all; objects are merged field by field. */
export function effectivePlan(written: PlanDocument, all: readonly Defaults[]): Merged {
  const matching = defaultsOf(written, all);
  if (matching.length === 0 && written.repository !== undefined) return { plan: written as Plan };
  const merged = [...matching.map(({ plan }) => plan), written].reduce<object>(
    (under, over) => laidOver(under, over, choices),
    {},
  );
  const checked = planSchema.safeParse(merged);
  if (checked.success) return { plan: checked.data };
  return { wrong: wrongOf(checked.error, planSchema, merged), from: matching.map(({ name }) => name) };
}

/** A plan as it is acted on. Throws `refused` where it is incomplete even with its Defaults. */
export function withDefaults(live: WrittenPlan, all: readonly Defaults[]): StoredPlan {
  const merged = effectivePlan(live.written, all);
  if ('plan' in merged) return { plan: merged.plan, ...live };
  throw new AnswerError(
    'refused',
    `plan ${live.written.name} is incomplete, also with the Defaults that match it: ${merged.wrong}`,
    'put it, or its Defaults, with what is missing',
  );
}

/** The fields of `over`, and those of `under` that it lacks; `whole` names the fields that are not merged within. */
function laidOver(under: object, over: object, whole: readonly string[] = []): object {
  const merged: Record<string, unknown> = { ...under };
  for (const [field, value] of Object.entries(over)) {
    const below = merged[field];
    merged[field] = !whole.includes(field) && isMapping(below) && isMapping(value) ? laidOver(below, value) : value;
  }
  return merged;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
