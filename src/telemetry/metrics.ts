/**
 * The metrics: an observer of facts that counts, for Prometheus to ask. Nothing else feeds them. They begin anew with each
 * start of the agent, as counters may.
 *
 * Labels have few values: whatever comes from outside (the kind that a letter is addressed to, a person's note) is none.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Fact, FactName, FactOf, Observer } from '../domain/facts.ts';
import { fates } from '../domain/fate.ts';
import { isRunKind } from '../domain/run.ts';
import { type MetricEntry, type MetricName, metrics } from './metrics-table.ts';

export interface Metrics {
  observe: Observer;
  /** What Prometheus reads. */
  text(): Promise<string>;
  readonly contentType: string;
  readonly registry: Registry;
}

type LabelsOf<Name extends MetricName> = { [Label in keyof (typeof metrics)[Name]['labels']]: string };
type OfType<Type> = { [Name in MetricName]: (typeof metrics)[Name]['type'] extends Type ? Name : never }[MetricName];

/** What may be done with metrics, by their names. */
interface Scales {
  count<Name extends OfType<'counter'>>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  set<Name extends OfType<'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** Makes the series with 0 where it is not there yet. */
  begin<Name extends OfType<'counter' | 'gauge'>>(name: Name, labels: LabelsOf<Name>): void;
  /** Takes the series of these labels away; there may be none. */
  drop<Name extends MetricName>(name: Name, labels: LabelsOf<Name>): void;
  time(name: OfType<'histogram'>, seconds: number): void;
}

type Taken = { [Name in FactName]?: (fact: FactOf<Name>, scales: Scales) => void };

/** What each fact is counted as. */
const taken: Taken = {
  'agent.started': ({ at, version }, { set }) => {
    set('reeve_build_info', { version }, 1);
    set('reeve_agent_start_time_seconds', {}, secondsOf(at));
    set('reeve_nats_away', {}, 0); // it was waited for
  },
  'actor.transition': ({ kind, state, final, reason }, { count, set }) => {
    const [name = ''] = state.split('.', 1);
    if (kind === 'agent') set('reeve_agent_running', {}, Number(name === 'running'));
    if (final && isRunKind(kind)) count('reeve_runs_total', { kind, ending: name, reason: reason ?? 'none' });
  },
  'actor.restarted': ({ kind }, { count }) => count('reeve_actor_restarts_total', { kind }),
  'actor.crashed': ({ kind }, { count }) => count('reeve_actor_crashes_total', { kind }),
  'actor.fenced': ({ kind }, { count }) => count('reeve_actor_fenced_total', { kind }),
  'actor.refused': ({ kind, code }, { count }) => count('reeve_actor_refusals_total', { kind, code }),
  'dead-letter': (_, { count }) => count('reeve_dead_letters_total', {}),
  'mail.poisoned': (_, { count }) => count('reeve_mail_poisoned_total', {}),
  'effect.unsettled': ({ kind }, { count }) => count('reeve_effects_unsettled_total', { kind }),
  'supervisor.escalated': (_, { count }) => count('reeve_supervisor_escalations_total', {}),

  'engine.reattached': ({ found }, { count }) => count('reeve_engine_reattached_total', { found }),
  'engine.unlimited': (_, { count }) => count('reeve_engines_unlimited_total', {}),
  'hook.failed': ({ when }, { count }) => count('reeve_hooks_failed_total', { when }),
  'ping.failed': (_, { count }) => count('reeve_pings_failed_total', {}),
  'run.slow': ({ plan }, { count }) => count('reeve_runs_slow_total', { plan }),

  'plan.newest': ({ plan, since }, { begin, set, drop }) => {
    begin('reeve_plan_overdue', { plan });
    const name = 'reeve_plan_last_complete_backup_timestamp_seconds';
    if (since === null) drop(name, { plan });
    else set(name, { plan }, secondsOf(since));
  },
  'plan.overdue': ({ plan }, { set }) => set('reeve_plan_overdue', { plan }, 1),
  'plan.on-time': ({ plan }, { set }) => set('reeve_plan_overdue', { plan }, 0),
  'plan.gone': ({ plan }, { drop }) => {
    drop('reeve_plan_overdue', { plan });
    drop('reeve_plan_last_complete_backup_timestamp_seconds', { plan });
    drop('reeve_runs_slow_total', { plan });
  },

  'schedule.blocked': ({ schedule, plan }, { set }) => set('reeve_schedule_blocked', { schedule, plan }, 1),
  'schedule.unblocked': ({ schedule, plan }, { set }) => set('reeve_schedule_blocked', { schedule, plan }, 0),
  'tick.fated': ({ schedule, plan, fate, lateMs }, { begin, count, time }) => {
    begin('reeve_schedule_blocked', { schedule, plan });
    count('reeve_ticks_total', { schedule, plan, fate });
    if (fate === 'ran') time('reeve_tick_delay_seconds', lateMs / 1_000);
  },
  'schedule.retired': ({ schedule, plan }, { drop }) => {
    drop('reeve_schedule_blocked', { schedule, plan });
    for (const fate of fates) drop('reeve_ticks_total', { schedule, plan, fate });
  },

  'drain.started': ({ cause }, { count }) =>
    count('reeve_drains_total', { cause: drainCauses.includes(cause) ? cause : 'other' }),
  'drain.ended': ({ tookMs, unstopped }, { count, time }) => {
    time('reeve_drain_duration_seconds', tookMs / 1_000);
    for (const { kind } of unstopped) count('reeve_drain_unstopped_total', { kind });
  },
  'nats.away': (_, { set }) => set('reeve_nats_away', {}, 1),
  'nats.back': ({ awayMs }, { count, set }) => {
    set('reeve_nats_away', {}, 0);
    count('reeve_nats_away_total', {});
    count('reeve_nats_away_seconds_total', {}, awayMs / 1_000);
  },
  'journal.replayed': ({ records, superseded }, { count }) => {
    count('reeve_journal_replayed_records_total', {}, records);
    count('reeve_journal_superseded_records_total', {}, superseded);
  },
  'clock.jumped': (_, { count }) => count('reeve_clock_jumps_total', {}),
  'agent.disk-full': (_, { count }) => count('reeve_agent_disk_full_total', {}),
  defect: (_, { count }) => count('reeve_defects_total', {}),
};

const drainCauses: readonly string[] = ['SIGTERM', 'SIGINT', 'agent.drain', 'agent.shutdown'];
const reattachments = ['alive', 'ended', 'gone', 'rebooted'];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { type, help, labels, buckets = [] }] of Object.entries<MetricEntry>(metrics)) {
    const said = { name, help, labelNames: Object.keys(labels), registers: [registry] };
    if (type === 'counter') counters.set(name, new Counter(said));
    else if (type === 'gauge') gauges.set(name, new Gauge(said));
    else histograms.set(name, new Histogram({ ...said, buckets: [...buckets] }));
  }
  const scales: Scales = {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    begin: (name, labels) => (counters.get(name) ?? gauges.get(name))?.inc(labels, 0),
    drop: (name, labels) => (counters.get(name) ?? gauges.get(name))?.remove(labels),
    time: (name, seconds) => histograms.get(name)?.observe(seconds),
  };
  // A series that begins at 0 shows its first increase.
  for (const found of reattachments) scales.begin('reeve_engine_reattached_total', { found });
  return {
    observe: fact => take(fact, scales),
    text: () => registry.metrics(),
    contentType: registry.contentType,
    registry,
  };
}

function take<Name extends FactName>(fact: FactOf<Name> & Fact, scales: Scales): void {
  const taker = taken[fact.fact] as ((fact: Fact, scales: Scales) => void) | undefined;
  taker?.(fact, scales);
}

/** Of an RFC 3339 text, since the epoch. */
function secondsOf(at: string): number {
  return Date.parse(at) / 1_000;
}
