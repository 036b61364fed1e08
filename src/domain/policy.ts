/** A plan's policies with every default filled in, as numbers. Pure: the same plan gives the same policy. */
import type { Backoff } from '../core/backoff.ts';
import type { OnDrain, Plan, Tolerance } from './plan.ts';
import { durationMs } from './quantities.ts';

/** Defaults of CONFIG, as people write them. */
export const deadlineDefaults = {
  pending: '24h',
  hostAway: '2h',
  prepare: '30m',
  run: 'none',
  stall: '15m',
  retrying: '1h',
  suspended: '24h',
  verifying: '6h',
  committing: '10m',
  hooks: '5m',
  cancelGrace: '20s',
} as const;

export type DeadlineName = keyof typeof deadlineDefaults;

export interface RunPolicy {
  /** Milliseconds; absent means no limit. */
  deadlinesMs: Partial<Record<DeadlineName, number>>;
  onDrain: OnDrain;
  ifRunning: 'queue' | 'join' | 'refuse';
  attemptsMax: number;
  backoff: Backoff;
  tolerate: { vanished: Tolerance; changed: Tolerance; unreadable: Tolerance };
  guard: { minFiles: number; maxShrinkPercent: number };
}

/**
 * The policy of a plan. Fields that a plan leaves out take the documented defaults; that of `onDrain` depends on the
 * agent's place and on the engine.
 */
export function policyOf(plan: Plan, onDrainDefault: OnDrain = 'suspend'): RunPolicy {
  const deadlinesMs: RunPolicy['deadlinesMs'] = {};
  for (const name of Object.keys(deadlineDefaults) as DeadlineName[]) {
    const text = plan.deadlines?.[name] ?? deadlineDefaults[name];
    if (text !== 'none') deadlinesMs[name] = durationMs(text);
  }
  const [least = '10s', most = '5m'] = (plan.retry?.backoff ?? '10s..5m').split('..');
  return {
    deadlinesMs,
    onDrain: plan.onDrain ?? onDrainDefault,
    ifRunning: plan.ifRunning ?? 'queue',
    attemptsMax: plan.retry?.attempts ?? 3,
    backoff: { minMs: durationMs(least), maxMs: durationMs(most) },
    tolerate: {
      vanished: plan.tolerate?.vanished ?? 'any',
      changed: plan.tolerate?.changed ?? 'any',
      unreadable: plan.tolerate?.unreadable ?? 0,
    },
    guard: {
      minFiles: plan.guard?.minFiles ?? 1,
      maxShrinkPercent: Number.parseInt(plan.guard?.maxShrink ?? '50%', 10),
    },
  };
}
