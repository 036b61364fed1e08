/** Whether what was backed up is the whole: `completed`, or `partial` with the reason, for people and for programs. */
import type { Tolerance } from '../domain/plan.ts';
import type { RunPolicy } from '../domain/policy.ts';
import type { Reason } from '../domain/reasons.ts';

export interface Verdict {
  outcome: 'completed' | 'partial';
  reason: Reason | null;
  message: string | null;
  hint: string | null;
}

export interface Expected {
  /** The directory that was backed up, or what else people call the source by. */
  source: string;
  guard: RunPolicy['guard'];
  tolerate: RunPolicy['tolerate'];
  /** Counts of the last backup that completed; null where there is none. */
  previous: { files: number; bytes: number } | null;
}

/** A source that shrank is the graver of the two, so it is the reason where both hold. */
export function verdictOf(
  { guard, previous, tolerate, source }: Expected,
  found: { files: number; bytes: number },
  skipped: { vanished: number; changed: number; unreadable: number },
): Verdict {
  const shrunk = shrinkOf(guard, previous, found);
  if (shrunk !== null)
    return {
      outcome: 'partial',
      reason: 'source-shrunk',
      message: `${source} ${shrunk}`,
      hint: 'check that the source is mounted and whole; if it is, the next plan may allow it by its guard',
    };
  const beyond = (['unreadable', 'changed', 'vanished'] as const).filter(why => isBeyond(tolerate[why], skipped[why]));
  if (beyond.length === 0) return { outcome: 'completed', reason: null, message: null, hint: null };
  return {
    outcome: 'partial',
    reason: 'files-skipped',
    message: `${beyond.map(why => `${skipped[why]} files ${wordsOf[why]}`).join(', ')}: more than the plan tolerates`,
    hint: 'see the list of skipped files; let the agent read them, exclude them, or raise `tolerate` in the plan',
  };
}

const wordsOf = {
  unreadable: 'could not be read',
  changed: 'changed while they were read',
  vanished: 'vanished before they were read',
};

function isBeyond(tolerance: Tolerance, count: number): boolean {
  return tolerance !== 'any' && count > tolerance;
}

function shrinkOf(
  guard: Expected['guard'],
  previous: Expected['previous'],
  found: { files: number; bytes: number },
): string | null {
  if (found.files < guard.minFiles) return `has ${found.files} files, the plan's guard asks for ${guard.minFiles}`;
  if (previous === null) return null;
  for (const unit of ['files', 'bytes'] as const)
    if (found[unit] < previous[unit] * (1 - guard.maxShrinkPercent / 100))
      return `has ${found[unit]} ${unit}, the last complete backup had ${previous[unit]}: it shrank by more than ${guard.maxShrinkPercent}%`;
  return null;
}
