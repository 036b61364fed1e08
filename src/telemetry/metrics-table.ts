/**
 * Every metric of an agent, by Prometheus' conventions: base units, `_total` for what only grows. docs/metrics.md is
 * written from it. A label's values are few: names of ours, or of the plans that there are.
 */

export interface MetricEntry {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  /** What each label says. */
  labels: Readonly<Record<string, string>>;
  /** Upper bounds of a histogram. */
  buckets?: readonly number[];
}

const kind = { kind: 'kind of the actor' } as const;
const scheduled = { schedule: 'name of the schedule', plan: 'name of the plan' } as const;
const plan = { plan: 'name of the plan' } as const;

export const metrics = {
  reeve_build_info: { type: 'gauge', help: 'Always 1.', labels: { version: 'version of Reeve' } },
  reeve_agent_start_time_seconds: { type: 'gauge', help: 'When the agent started, since the epoch.', labels: {} },
  reeve_agent_running: {
    type: 'gauge',
    help: '1 while the agent takes work: not while it joins or drains.',
    labels: {},
  },
  reeve_runs_total: {
    type: 'counter',
    help: 'Runs that ended on this agent.',
    labels: {
      kind: 'backup, restore, verify, drill, prune or snapshot',
      ending: 'completed, partial, cancelled, timed-out, failed or lost',
      reason: "why, from the wire's list of reasons; none where there is none",
    },
  },
  reeve_runs_slow_total: {
    type: 'counter',
    help: 'Runs that used four fifths of their deadline.',
    labels: plan,
  },
  reeve_engine_reattached_total: {
    type: 'counter',
    help: 'Engines that an agent which came back had left running, by what it found of them.',
    labels: { found: 'alive, ended (its exit was recorded), gone or rebooted' },
  },
  reeve_engines_unlimited_total: {
    type: 'counter',
    help: 'Engines that were started without limits which nothing on the host could hold them to.',
    labels: {},
  },
  reeve_plan_overdue: {
    type: 'gauge',
    help: '1 while a plan of this agent is overdue, else 0.',
    labels: plan,
  },
  reeve_plan_last_complete_backup_timestamp_seconds: {
    type: 'gauge',
    help: 'When the newest complete backup of a plan of this agent was made, since the epoch; absent where there is none.',
    labels: plan,
  },
  reeve_schedule_blocked: {
    type: 'gauge',
    help: '1 while a run that is not over keeps a schedule of this agent from its ticks, else 0.',
    labels: scheduled,
  },
  reeve_ticks_total: {
    type: 'counter',
    help: 'Ticks by their fate; one that waited has two.',
    labels: { ...scheduled, fate: 'ran, queued, skipped-overlap, missed or cancelled' },
  },
  reeve_tick_delay_seconds: {
    type: 'histogram',
    help: 'From a tick to its start, of those that ran.',
    labels: {},
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400],
  },
  reeve_hooks_failed_total: { type: 'counter', help: 'Hooks that failed.', labels: { when: 'before or finally' } },
  reeve_pings_failed_total: { type: 'counter', help: 'Pings that were given up.', labels: {} },
  reeve_actor_restarts_total: {
    type: 'counter',
    help: 'Actors that their supervisor started again after a crash.',
    labels: kind,
  },
  reeve_actor_crashes_total: { type: 'counter', help: 'Actors whose own code threw.', labels: kind },
  reeve_actor_fenced_total: { type: 'counter', help: 'Actors that were lost to another owner.', labels: kind },
  reeve_actor_refusals_total: {
    type: 'counter',
    help: 'Messages that an actor could not take.',
    labels: { ...kind, code: 'code of the answer, such as refused or invalid' },
  },
  reeve_dead_letters_total: { type: 'counter', help: 'Mail for an actor that is unknown or has ended.', labels: {} },
  reeve_mail_poisoned_total: {
    type: 'counter',
    help: 'Messages that were passed over because they crash their actor.',
    labels: {},
  },
  reeve_effects_unsettled_total: { type: 'counter', help: 'Effects that did not stop in their bound.', labels: kind },
  reeve_supervisor_escalations_total: { type: 'counter', help: 'Supervisors that gave up.', labels: {} },
  reeve_drains_total: {
    type: 'counter',
    help: 'Drains that began.',
    labels: { cause: 'SIGTERM, SIGINT, agent.drain, agent.shutdown or other' },
  },
  reeve_drain_duration_seconds: {
    type: 'histogram',
    help: 'What drains took.',
    labels: {},
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 60, 120],
  },
  reeve_drain_unstopped_total: { type: 'counter', help: 'Actors that did not stop within a drain.', labels: kind },
  reeve_nats_away: { type: 'gauge', help: '1 while NATS cannot be reached, else 0.', labels: {} },
  reeve_nats_away_total: { type: 'counter', help: 'How often NATS was away, counted when it is back.', labels: {} },
  reeve_nats_away_seconds_total: {
    type: 'counter',
    help: 'How long NATS was away, counted when it is back.',
    labels: {},
  },
  reeve_journal_replayed_records_total: {
    type: 'counter',
    help: 'Steps that were journalled while NATS was away and are written now.',
    labels: {},
  },
  reeve_journal_superseded_records_total: {
    type: 'counter',
    help: "Steps that were journalled and that another owner's had overtaken.",
    labels: {},
  },
  reeve_clock_jumps_total: { type: 'counter', help: 'Jumps of the wall clock.', labels: {} },
  reeve_agent_disk_full_total: { type: 'counter', help: "Writes that the agent's own disk did not take.", labels: {} },
  reeve_defects_total: { type: 'counter', help: 'Errors that nobody expected.', labels: {} },
} as const satisfies Record<`reeve_${string}`, MetricEntry>;

export type MetricName = keyof typeof metrics;

/** The table of docs/metrics.md, in Markdown. */
export function metricsTable(): string {
  const rows = Object.entries<MetricEntry>(metrics).map(([name, { type, help, labels }]) => {
    const said = Object.entries(labels).map(([label, meaning]) => `\`${label}\`: ${meaning}`);
    return `| \`${name}\` | ${type} | ${help} | ${said.join('<br>')} |`;
  });
  return ['| metric | type | help | labels |', '|---|---|---|---|', ...rows].join('\n');
}
