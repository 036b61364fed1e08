import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { type MetricEntry, metrics, metricsTable } from '../../src/telemetry/metrics-table.ts';
import { cellsOf } from './markdown-table.ts';

const at = '2026-01-02T03:04:05.500Z';
const of = { kind: 'backup', id: 'a', at };

/** The lines of what Prometheus would read, comments left out, once these facts were told. */
async function linesAfter(...facts: Fact[]): Promise<string[]> {
  const { observe, text } = createMetrics();
  for (const fact of facts) observe(fact);
  return (await text()).split('\n').filter(line => line !== '' && !line.startsWith('#'));
}

function over(state: string, reason: string | null, more: object = {}): Fact {
  const step = { from: 'cleaning', event: 'done', note: null, final: true, agent: 'here' };
  return { fact: 'actor.transition', ...of, ...step, state, reason, ...more };
}

test('docs/metrics.md has the table of every metric with its labels', async () => {
  const text = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  expect(cellsOf(text).length).toBe(Object.keys(metrics).length + 2);
  expect(cellsOf(text)).toEqual(cellsOf(metricsTable()));
});

test('what is registered is what the table says: names, help and labels', () => {
  const registered = createMetrics().registry.getMetricsAsArray() as unknown as {
    name: string;
    help: string;
    labelNames: string[];
  }[];
  const told = registered.map(({ name, help, labelNames }) => ({ name, help, labels: labelNames }));
  const written = Object.entries<MetricEntry>(metrics).map(([name, { help, labels }]) => ({
    name,
    help,
    labels: Object.keys(labels),
  }));
  expect(told).toEqual(written);
  expect(told.length).toBeGreaterThan(20);
});

test('names follow the conventions: counters end in _total, and only they do', () => {
  for (const [name, { type }] of Object.entries<MetricEntry>(metrics))
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
});

test('runs are counted by kind, ending and reason; steps on the way are not', async () => {
  const lines = await linesAfter(
    over('completed', null),
    over('completed', null, { id: 'b' }),
    over('failed', 'auth-failed'),
    over('completed', null, { kind: 'restore' }),
    over('transferring', null, { final: false }),
    over('stopped', null, { kind: 'agent' }),
  );
  expect(lines.filter(line => line.startsWith('reeve_runs_total'))).toEqual([
    'reeve_runs_total{kind="backup",ending="completed",reason="none"} 2',
    'reeve_runs_total{kind="backup",ending="failed",reason="auth-failed"} 1',
    'reeve_runs_total{kind="restore",ending="completed",reason="none"} 1',
  ]);
});

test('each outcome of a reattachment is counted, from 0 on', async () => {
  const before = await linesAfter();
  const found = ['alive', 'ended', 'gone', 'rebooted'] as const;
  expect(before.filter(line => line.includes('reattached'))).toEqual(
    found.map(each => `reeve_engine_reattached_total{found="${each}"} 0`),
  );
  const after = await linesAfter(...found.map(each => ({ fact: 'engine.reattached', ...of, found: each }) as const));
  expect(after.filter(line => line.includes('reattached'))).toEqual(
    found.map(each => `reeve_engine_reattached_total{found="${each}"} 1`),
  );
});

const planLines = (lines: string[]) => lines.filter(line => line.includes('plan="p"'));
const newest = (since: string | null): Fact => ({ fact: 'plan.newest', plan: 'p', since, at });
const overdue: Fact = { fact: 'plan.overdue', plan: 'p', since: null, why: 'no complete backup', of: ['backup'], at };

test('a plan is overdue or not, and says when its last complete backup was made', async () => {
  expect(planLines(await linesAfter(newest(null)))).toEqual(['reeve_plan_overdue{plan="p"} 0']);
  expect(planLines(await linesAfter(newest(null), overdue, newest(at)))).toEqual([
    'reeve_plan_overdue{plan="p"} 1',
    'reeve_plan_last_complete_backup_timestamp_seconds{plan="p"} 1767323045.5',
  ]);
  const onTime: Fact = { fact: 'plan.on-time', plan: 'p', since: at, at };
  expect(planLines(await linesAfter(newest(null), overdue, onTime))).toEqual(['reeve_plan_overdue{plan="p"} 0']);
});

test('every series of a plan that is gone goes', async () => {
  const slow: Fact = { fact: 'run.slow', ...of, plan: 'p', transferringMs: 8, deadlineMs: 10, lastMs: null };
  const told = [newest(at), overdue, slow];
  expect(planLines(await linesAfter(...told))).toHaveLength(3);
  expect(planLines(await linesAfter(...told, { fact: 'plan.gone', plan: 'p', at }))).toEqual([]);
  const withPlan = Object.values<MetricEntry>(metrics).filter(({ labels }) => 'plan' in labels);
  expect(withPlan).toHaveLength(5); // whoever adds one adds it to what goes: these, and two of a schedule
});

test('a schedule is blocked or not, its ticks are counted by fate, and its series go with it', async () => {
  const of = { schedule: 's', plan: 'p', at };
  const fated = (fate: string, lateMs: number): Fact =>
    ({ fact: 'tick.fated', ...of, tick: at, fate, reason: 'r', run: null, lateMs }) as Fact;
  const blocked: Fact = { fact: 'schedule.blocked', ...of, run: 'r', state: 'pending', since: at, why: 'w' };
  const told = [fated('ran', 300), blocked, fated('queued', 9_000)];
  const lines = await linesAfter(...told);
  expect(planLines(lines)).toEqual([
    'reeve_schedule_blocked{schedule="s",plan="p"} 1',
    'reeve_ticks_total{schedule="s",plan="p",fate="ran"} 1',
    'reeve_ticks_total{schedule="s",plan="p",fate="queued"} 1',
  ]);
  expect(lines).toContain('reeve_tick_delay_seconds_sum 0.3');
  const unblocked: Fact = { fact: 'schedule.unblocked', ...of, run: 'r' };
  expect(planLines(await linesAfter(...told, unblocked))[0]).toBe('reeve_schedule_blocked{schedule="s",plan="p"} 0');
  expect(planLines(await linesAfter(...told, { fact: 'schedule.retired', ...of }))).toEqual([]);
});

test('a drain is counted with what it took and what did not stop; a cause in free words is no label', async () => {
  const started = (cause: string): Fact => ({ fact: 'drain.started', cause, graceMs: 1, actors: 1, at });
  const unstopped = [{ kind: 'backup', id: 'a', why: 'unkillable' }];
  const lines = await linesAfter(started('SIGTERM'), started('SIGNED by me'), started('SIGNED by you'), {
    fact: 'drain.ended',
    tookMs: 1_500,
    stopped: 0,
    unstopped,
    at,
  });
  expect(lines).toEqual(
    expect.arrayContaining([
      'reeve_drains_total{cause="SIGTERM"} 1',
      'reeve_drains_total{cause="other"} 2',
      'reeve_drain_unstopped_total{kind="backup"} 1',
      'reeve_drain_duration_seconds_bucket{le="1"} 0',
      'reeve_drain_duration_seconds_bucket{le="2.5"} 1',
      'reeve_drain_duration_seconds_sum 1.5',
    ]),
  );
});

test('NATS is away until it is back, and the time is added up', async () => {
  const away: Fact = { fact: 'nats.away', message: 'gone', at };
  const natsLines = (lines: string[]) => lines.filter(line => line.startsWith('reeve_nats'));
  expect(natsLines(await linesAfter(away, away))).toContain('reeve_nats_away 1');
  expect(natsLines(await linesAfter(away, { fact: 'nats.back', awayMs: 2_500, at }))).toEqual([
    'reeve_nats_away 0',
    'reeve_nats_away_total 1',
    'reeve_nats_away_seconds_total 2.5',
  ]);
});
