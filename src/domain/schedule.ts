/** The schedule: when a task of one plan, or of each plan that a selector names, is started by itself. */
import { z } from 'zod';
import { parseDuration } from '../core/durations.ts';
import { faultOfCron, isTimeZone } from './cron.ts';
import { durationMs, durationText } from './quantities.ts';
import { nameText } from './texts.ts';

export const scheduleTasks = ['backup', 'snapshot', 'verify', 'drill', 'prune'] as const;

/** Runs are named by the second of their tick, so nothing comes between two seconds. */
const wholeSeconds = (text: string) => (parseDuration(text) ?? 0) % 1_000 === 0;

const cronText = z.string().superRefine((cron, context) => {
  const fault = faultOfCron(cron);
  if (fault) context.addIssue({ code: 'custom', message: fault });
});

/** The document of `kind: Schedule`, without `kind`. Unknown fields are refused. */
export const scheduleSchema = z
  .strictObject({
    name: nameText,
    labels: z.record(z.string(), z.string()).optional(),
    /** One plan by its name, or all whose labels match: one actor a plan. */
    plan: nameText.optional(),
    plans: z.strictObject({ labels: z.record(z.string(), z.string()) }).optional(),
    task: z.enum(scheduleTasks),
    cron: cronText.optional(),
    /** Multiples of it since the epoch. */
    every: durationText
      .refine(
        text => wholeSeconds(text) && parseDuration(text) !== 0,
        'is not a whole number of seconds, at least one; write for example 30s, 15m or 6h',
      )
      .optional(),
    timezone: z
      .string()
      .refine(isTimeZone, 'is not a time zone that this agent knows; write for example UTC or Europe/Berlin')
      .optional(),
    /** Each plan gets a stable offset of its own below it. */
    spread: durationText.refine(wholeSeconds, 'is not a whole number of seconds; write for example 10m').optional(),
    overlap: z.enum(['skip', 'queue-one', 'cancel-previous']).optional(),
    onMissed: z.enum(['skip', 'run-once', 'run-all']).optional(),
    /** The start deadline: a tick that is older when somebody comes to it is not made up for. */
    missedWindow: durationText.optional(),
  })
  .superRefine((schedule, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (schedule.cron !== undefined && schedule.every !== undefined)
      wrong('every', 'stands beside cron; say when it comes by one of them');
    if (schedule.cron === undefined && schedule.every === undefined)
      wrong('cron', 'is missing; say when it comes, by cron or by every');
    if (schedule.plan !== undefined && schedule.plans !== undefined)
      wrong('plans', 'stands beside plan; name one plan, or select several by labels');
    if (schedule.plan === undefined && schedule.plans === undefined)
      wrong('plan', 'is missing; name a plan, or select several by plans: { labels }');
  });

export type Schedule = z.infer<typeof scheduleSchema>;
export type Overlap = NonNullable<Schedule['overlap']>;
export type OnMissed = NonNullable<Schedule['onMissed']>;

/** A schedule's policies with every default filled in. */
export interface SchedulePolicy {
  overlap: Overlap;
  onMissed: OnMissed;
  missedWindowMs: number;
}

export function schedulePolicyOf({ overlap, onMissed, missedWindow }: Schedule): SchedulePolicy {
  return {
    overlap: overlap ?? 'skip',
    onMissed: onMissed ?? 'run-once',
    missedWindowMs: durationMs(missedWindow ?? '24h'),
  };
}

/** The id of the actor of a schedule and one of its plans. */
export function scheduleActorId(schedule: string, plan: string): string {
  return `${schedule}--${plan}`;
}
