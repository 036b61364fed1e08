/** Why a run or stream is where it is: the closed list that filters, alerts and dashboards rely on. */
export const reasons = [
  'user-cancelled',
  'drain-cancelled',
  'superseded',
  'deadline-pending',
  'deadline-prepare',
  'deadline-run',
  'deadline-stall',
  'deadline-other',
  'auth-failed',
  'source-unreachable',
  'source-died',
  'source-shrunk',
  'source-missing',
  'repository-unreachable',
  'repository-full',
  'repository-low',
  'repository-locked',
  'data-corrupt',
  'proof-missing',
  'files-skipped',
  'engine-missing',
  'engine-failed',
  'oom-killed',
  'unkillable',
  'host-away',
  'rebooted',
  'hook-failed',
  'log-gap',
  'same-error',
  'agent-disk-full',
  'defect',
] as const;

export type Reason = (typeof reasons)[number];

/** The reason that a failure's code stands for; codes outside the list are `engine-failed`. */
export function reasonOf(code: string): Reason {
  return (reasons as readonly string[]).includes(code) ? (code as Reason) : 'engine-failed';
}
