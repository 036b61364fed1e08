/** The plan: what to back up, with which engine, into which repository, under which policies. */
import { z } from 'zod';
import { engineSchema } from './engine-config.ts';
import { durationOrNone, durationText } from './quantities.ts';
import { absolutePath, nameText } from './texts.ts';

export { absolutePath, nameText } from './texts.ts';

/** A name from the agent's own file, or a path that the agent's `allow.repositories` covers. */
export const repositoryReference = z.union([nameText, z.strictObject({ path: absolutePath })]);

export const deadlinesSchema = z.strictObject({
  pending: durationText.optional(),
  hostAway: durationText.optional(),
  prepare: durationText.optional(),
  run: durationOrNone.optional(),
  stall: durationText.optional(),
  retrying: durationText.optional(),
  suspended: durationText.optional(),
  verifying: durationText.optional(),
  committing: durationText.optional(),
  hooks: durationText.optional(),
  cancelGrace: durationText.optional(),
});

export const onDrainSchema = z.enum(['detach', 'suspend', 'finish', 'cancel']);

const tolerance = z.union([z.literal('any'), z.int().min(0)]);

/** How many files may vanish, change under the reader or be unreadable before a backup is `partial`. */
export const tolerateSchema = z.strictObject({
  vanished: tolerance.optional(),
  changed: tolerance.optional(),
  unreadable: tolerance.optional(),
});

/** What a source must hold, so that an unmounted one is not taken for an empty one. */
export const guardSchema = z.strictObject({
  minFiles: z.int().min(0).optional(),
  maxShrink: z
    .string()
    .regex(/^(100|\d{1,2})%$/, 'is not a percentage such as 50%')
    .optional(),
});

export const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(100).optional(),
  /** The least and the most wait, as `10s..5m`. */
  backoff: z
    .string()
    .regex(/^[\d.]+(ms|s|m|h|d)\.\.[\d.]+(ms|s|m|h|d)$/, 'is not a range of durations such as 10s..5m')
    .optional(),
});

/** Hooks by their names in the agent's file: `before` the engine starts, and `finally`, however the run ends. */
export const hooksSchema = z.strictObject({
  before: z.array(nameText).max(32).optional(),
  finally: z.array(nameText).max(32).optional(),
});

/** What the backups of a plan are held against: it is overdue where its newest complete one is older than `maxAge`. */
export const objectiveSchema = z.strictObject({
  maxAge: durationText.optional(),
  /** Is taken, and nothing acts on it in this version. */
  drillEvery: durationText.optional(),
});

export const placementSchema = z.union([
  z.strictObject({ agent: nameText }),
  z.strictObject({ labels: z.record(z.string(), z.string()) }),
  z.strictObject({ any: z.literal(true) }),
]);

/** The document of `kind: Plan`, without `kind`. Unknown fields are refused. */
export const planSchema = z.strictObject({
  name: nameText,
  labels: z.record(z.string(), z.string()).optional(),
  engine: engineSchema,
  repository: repositoryReference,
  placement: placementSchema.optional(),
  onDrain: onDrainSchema.optional(),
  ifRunning: z.enum(['queue', 'join', 'refuse']).optional(),
  deadlines: deadlinesSchema.optional(),
  guard: guardSchema.optional(),
  tolerate: tolerateSchema.optional(),
  retry: retrySchema.optional(),
  hooks: hooksSchema.optional(),
  objective: objectiveSchema.optional(),
});

/** A plan as people write it: its Defaults may give the repository. */
export const planDocumentSchema = planSchema.partial({ repository: true });

export type Plan = z.infer<typeof planSchema>;
export type PlanDocument = z.infer<typeof planDocumentSchema>;
export type Tolerance = z.infer<typeof tolerance>;
export type OnDrain = z.infer<typeof onDrainSchema>;
