/** What `reeve audit` tells of a time: ticks with their fates, runs, and what is missing among them. Pure. */
import type { Schedule } from '../domain/schedule.ts';
import { ticksBetween } from '../domain/ticks.ts';
import { rowsOf, textOf } from './answer-rows.ts';

type Row = Readonly<Record<string, unknown>>;

/** What was asked of the cluster; rows as the wire has them. */
export interface Audited {
  sinceMs: number;
  untilMs: number;
  nowMs: number;
  fates: readonly Row[];
  /** Of each kind, with its kind. */
  runs: readonly (Row & { kind: string })[];
  /** The backups of the catalog. */
  backups: readonly Row[];
  schedules: readonly Row[];
}

export interface AuditRow {
  /** Of a tick its time, of a run when it began or, where it never did, when it was last heard of. */
  at: string;
  /** `tick nightly`, `backup`, `drill`, `gap nightly`, or `pause nightly`. */
  what: string;
  plan: string;
  run: string | null;
  /** The fate of a tick, the state of a run, `no fate`, or `not decided yet`. */
  outcome: string;
  why: string | null;
}

export interface Audit {
  rows: AuditRow[];
  /** What a reader must know of what is not there. */
  notes: string[];
}

/** A tick that is younger may be on its way to its fate. */
const settledMs = 60_000;
/** Most ticks of a schedule and plan that are looked at for a gap. */
const ticksMax = 100_000;
const noFate = 'no fate';

export function auditOf(audited: Audited): Audit {
  const { fates, nowMs } = audited;
  const runs = [...audited.runs.flatMap(row => runRow(row, audited)), ...forgotten(audited)];
  const gaps = audited.schedules.flatMap(row => gapsOf(row, audited));
  const rows = [...fates.map(tickRow), ...runs, ...gaps].sort((one, other) => (one.at < other.at ? -1 : 1));
  const missing = gaps.filter(({ outcome }) => outcome === noFate);
  const oldestTick = oldest(fates.map(({ tick }) => tick));
  const oldestRun = oldest(audited.runs.map(({ at }) => at));
  const isBefore = (text: string | undefined) => audited.sinceMs < (text === undefined ? nowMs : Date.parse(text));
  return {
    rows,
    notes: [
      oldestTick === undefined
        ? 'no fate of a tick is known of this time'
        : `fates: ${fates.length}, the oldest of ${oldestTick}`,
      ...(isBefore(oldestRun)
        ? [`runs are known from ${oldestRun ?? 'now'} on; of earlier ones only the backups that the catalog has`]
        : []),
      ...(missing.length > 0 ? [`gaps: ${missing.length}`] : []),
    ],
  };
}

function tickRow({ tick, schedule, plan, run, fate, reason }: Row): AuditRow {
  return {
    at: String(tick),
    what: `tick ${String(schedule)}`,
    plan: String(plan),
    run: textOf(run) ?? null,
    outcome: String(fate),
    why: textOf(reason) ?? null,
  };
}

function runRow(
  { kind, id, plan, state, reason, at, startedAt }: Audited['runs'][number],
  audited: Audited,
): AuditRow[] {
  const moment = textOf(startedAt) ?? textOf(at) ?? '';
  if (!isWithin(moment, audited)) return [];
  return [
    {
      at: moment,
      what: kind,
      plan: String(plan),
      run: String(id),
      outcome: String(state),
      why: textOf(reason) ?? null,
    },
  ];
}

/** Backups whose runs nobody knows any more. */
function forgotten(audited: Audited): AuditRow[] {
  const known = new Set(audited.runs.map(({ id }) => id));
  return audited.backups.flatMap(({ id, plan, outcome, completedAt }) => {
    const at = textOf(completedAt) ?? '';
    if (known.has(id) || !isWithin(at, audited)) return [];
    const why = 'from the catalog: its run is not known any more';
    return [{ at, what: 'backup', plan: String(plan), run: String(id), outcome: String(outcome), why }];
  });
}

/**
 * Ticks without a fate after the first that has one, runs of them in one row; by the schedule as it is written now. Those
 * of a pause that goes on are no gap.
 */
function gapsOf(row: Row, { sinceMs, untilMs, nowMs, fates }: Audited): AuditRow[] {
  const schedule = row as unknown as Schedule;
  return rowsOf(row.actors).flatMap(({ plan, state }) => {
    const name = String(plan);
    const known = fates
      .filter(fate => fate.schedule === schedule.name && fate.plan === name)
      .map(({ tick }) => String(tick));
    const first = oldest(known);
    if (first === undefined) return [];
    const fromMs = Math.max(sinceMs, Date.parse(first));
    const { ticks } = ticksBetween(schedule, name, fromMs, Math.min(untilMs, nowMs - settledMs), ticksMax);
    const told = new Set(known);
    const missing: string[][] = [[]];
    for (const at of ticks.map(tick => new Date(tick).toISOString())) {
      if (told.has(at)) missing.push([]);
      else missing.at(-1)?.push(at);
    }
    const last = state === 'paused' ? missing.at(-1) : undefined;
    return missing
      .filter(({ length }) => length > 0)
      .map(run => (run === last ? pauseRow : gapRow)(schedule.name, name, run));
  });
}

function gapRow(schedule: string, plan: string, missing: readonly string[]): AuditRow {
  const why = `${manyOf(missing)} by the schedule as it is written now, and no fate is recorded`;
  return { at: missing[0] ?? '', what: `gap ${schedule}`, plan, run: null, outcome: noFate, why };
}

function pauseRow(schedule: string, plan: string, ticks: readonly string[]): AuditRow {
  const why = `${manyOf(ticks)}: the schedule is paused, and decides them when it goes on`;
  return { at: ticks[0] ?? '', what: `pause ${schedule}`, plan, run: null, outcome: 'not decided yet', why };
}

function manyOf(ticks: readonly string[]): string {
  return ticks.length === 1 ? 'a tick' : `${ticks.length} ticks until ${ticks.at(-1)}`;
}

function isWithin(at: string, { sinceMs, untilMs }: Audited): boolean {
  const moment = Date.parse(at);
  return moment >= sinceMs && moment <= untilMs;
}

function oldest(times: readonly unknown[]): string | undefined {
  return times.filter(time => typeof time === 'string').sort()[0];
}
