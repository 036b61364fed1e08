/** Which plans a schedule is for, and what is wrong with that. Pure. */
import { nearest } from '../core/nearest.ts';
import type { PlanDocument } from './plan.ts';
import type { Schedule } from './schedule.ts';

type Labelled = Pick<PlanDocument, 'name' | 'labels'>;

/** Names of the plans that are there and that the schedule names or selects, in the order in which they are given. */
export function plansOf({ plan, plans }: Pick<Schedule, 'plan' | 'plans'>, all: readonly Labelled[]): string[] {
  const wanted = Object.entries(plans?.labels ?? {});
  const isMeant = ({ name, labels = {} }: Labelled) =>
    plan === undefined
      ? wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
      : name === plan;
  return all.filter(isMeant).map(({ name }) => name);
}

/** Why the schedule cannot be taken where these are all plans; undefined where it can. */
export function faultOfPlan(
  { name, plan }: Pick<Schedule, 'name' | 'plan'>,
  all: readonly Labelled[],
): { message: string; hint: string } | undefined {
  if (plan === undefined || all.some(each => each.name === plan)) return undefined;
  const near = nearest(
    plan,
    all.map(each => each.name),
  );
  const hint = near ? `did you mean ${near}?` : 'put the plan first; see what there is with: reeve plan list';
  return { message: `schedule ${name}: plan: there is no plan ${plan}`, hint };
}

/** What its author should know, although it is taken. */
export function warningsOfPlans(schedule: Pick<Schedule, 'plan' | 'plans'>, all: readonly Labelled[]): string[] {
  if (schedule.plan !== undefined || plansOf(schedule, all).length > 0) return [];
  const labels = Object.entries(schedule.plans?.labels ?? {}).map(([key, value]) => `${key}: ${value}`);
  return [`no plan has the labels ${labels.join(', ') || '(none)'} now; it starts nothing until one has`];
}
