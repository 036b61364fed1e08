/** The commands that a schedule takes by its mailbox, a schema each. */
import { z } from 'zod';
import { isId } from '../core/ids.ts';
import type { Schema } from '../core/schema.ts';
import { commandFields } from './commands.ts';

/** Nothing of a schedule that is paused starts but by hand; at `until` it goes on by itself. */
const pauseSchema = z.strictObject({
  type: z.literal('schedule.pause'),
  /** RFC 3339; null or absent: until it is resumed. */
  until: z.iso.datetime({ offset: true }).nullable().optional(),
  ...commandFields,
});

const resumeSchema = z.strictObject({ type: z.literal('schedule.resume'), ...commandFields });

/** Starts its task now, as a run of this id: whoever sends it says the id, so that it can be told before the run exists. */
const triggerSchema = z.strictObject({
  type: z.literal('schedule.trigger'),
  run: z.string().refine(isId, 'is not an id'),
  ...commandFields,
});

export type SchedulePause = z.infer<typeof pauseSchema>;
export type ScheduleResume = z.infer<typeof resumeSchema>;
export type ScheduleTrigger = z.infer<typeof triggerSchema>;
export type ScheduleCommand = SchedulePause | ScheduleResume | ScheduleTrigger;

export const scheduleCommands: Readonly<Record<ScheduleCommand['type'], Schema<ScheduleCommand>>> = {
  'schedule.pause': pauseSchema,
  'schedule.resume': resumeSchema,
  'schedule.trigger': triggerSchema,
};
