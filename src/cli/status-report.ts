/** What `reeve status` says of a cluster, from what the wire answers; pure. One line, as Nagios' plugins say it. */
import { printable } from '../core/printable.ts';
import { isObject } from '../view/wire.ts';

type Row = Readonly<Record<string, unknown>>;

/** What was asked of the cluster. */
export interface Asked {
  /** Of `plan.list` and `agent.list`. */
  plans: readonly Row[];
  agents: readonly Row[];
  /** How many actors that are not over each agent owns that is away. */
  owned: ReadonlyMap<string, number>;
  /** Schedules that are blocked, as `actor.list` has them. */
  blocked: readonly Row[];
  /** Runs of each kind that people need not have watched. */
  runs: ReadonlyMap<string, readonly Row[]>;
}

export type Level = 'OK' | 'WARNING' | 'CRITICAL' | 'UNKNOWN';

/** How the command ends: the statuses of Nagios' plugins, and not those of Reeve's other commands. */
export const nagiosExit: Readonly<Record<Level, number>> = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 };

export interface Problem {
  level: 'WARNING' | 'CRITICAL';
  /** What sort of trouble it is, as its count is named. */
  count: keyof Counts;
  name: string;
  why: string;
}

export interface Counts {
  plans: number;
  agents: number;
  overdue: number;
  drills_overdue: number;
  agents_away: number;
  schedules_blocked: number;
  failed: number;
}

export interface StatusReport {
  status: Level;
  exit: number;
  problems: Problem[];
  counts: Counts;
}

const unwell = ['failed', 'timed-out', 'lost'];

export function statusReport(asked: Asked): StatusReport {
  const problems = [
    ...asked.plans.flatMap(overdueOf),
    ...[...asked.agents, ...goneFrom(asked)].flatMap(agent => awayOf(agent, asked)),
    ...asked.blocked.map(blockedOf),
    ...[...asked.runs].flatMap(([kind, runs]) => failedOf(kind, runs, asked.plans)),
  ];
  const isCritical = problems.some(({ level }) => level === 'CRITICAL');
  const status = isCritical ? 'CRITICAL' : problems.length > 0 ? 'WARNING' : 'OK';
  const of = (name: keyof Counts) => problems.filter(({ count }) => count === name).length;
  return {
    status,
    exit: nagiosExit[status],
    problems,
    counts: {
      plans: asked.plans.length,
      agents: asked.agents.length,
      overdue: of('overdue'),
      drills_overdue: of('drills_overdue'),
      agents_away: of('agents_away'),
      schedules_blocked: of('schedules_blocked'),
      failed: of('failed'),
    },
  };
}

/** The line, with performance data behind its bar. */
export function statusLine({ status, problems, counts }: StatusReport): string {
  const words = (Object.keys(titles) as (keyof typeof titles)[]).flatMap(count => {
    const found = problems.filter(problem => problem.count === count);
    return found.length === 0 ? [] : [`${found.length} ${titles[count]}: ${told(found)}`];
  });
  const well = `${counts.plans} plans on time, ${counts.agents} agents`;
  return `${headed(status, words.length > 0 ? words.join('; ') : well)} | ${performanceData(counts)}`;
}

/** The same where nothing could be asked. */
export function unknownLine(why: string): string {
  return headed('UNKNOWN', why);
}

const titles = {
  overdue: 'overdue',
  agents_away: 'agents away',
  drills_overdue: 'drills overdue',
  schedules_blocked: 'schedules blocked',
  failed: 'failed since they last went well',
} as const;

/** How many of a sort are named. */
const namedMax = 3;

function told(problems: readonly Problem[]): string {
  const named = problems.slice(0, namedMax).map(({ name, why }) => `${name} (${why})`);
  const more = problems.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join(', ');
}

/** The first bar of a line begins the performance data, so none may stand in the words. */
function headed(status: Level, words: string): string {
  return `REEVE ${status} - ${printable(words).replaceAll('|', '/')}`;
}

/** `label=value;warning;critical;least`: beyond 0 it is a warning, or critical. */
function performanceData({ plans, agents, overdue, ...others }: Counts): string {
  const warned = Object.entries(others).map(([name, count]) => `${name}=${count};0;;0`);
  return [`plans=${plans};;;0`, `agents=${agents};;;0`, `overdue=${overdue};;0;0`, ...warned].join(' ');
}

function overdueOf({ name, overdue }: Row): Problem[] {
  if (!isObject(overdue)) return [];
  const parts = Array.isArray(overdue.of) ? overdue.of : ['backup'];
  const said = { name: textOf(name), why: textOf(overdue.why) };
  return [
    ...(parts.includes('backup') ? [{ level: 'CRITICAL' as const, count: 'overdue' as const, ...said }] : []),
    ...(parts.includes('drill') ? [{ level: 'WARNING' as const, count: 'drills_overdue' as const, ...said }] : []),
  ];
}

/** Agents that plans name and that gave their lease back, as one that was shut down does, or never were. */
function goneFrom({ plans, agents }: Asked): Row[] {
  const named = plans.flatMap(({ placement }) => (isObject(placement) ? [textOf(placement.agent)] : []));
  const known = new Set(agents.map(({ name }) => name));
  return [...new Set(named)].filter(name => name !== '' && !known.has(name)).map(name => ({ name, mode: 'away' }));
}

/** An agent that is away matters where something is left that only it can do. */
function awayOf({ name, mode, lastSeen }: Row, { plans, owned }: Asked): Problem[] {
  if (mode !== 'away') return [];
  const placed = plans.filter(({ placement }) => isObject(placement) && placement.agent === name).length;
  const actors = owned.get(textOf(name)) ?? 0;
  if (placed + actors === 0) return [];
  const seen = lastSeen === undefined ? 'has no lease' : `last seen ${textOf(lastSeen)}`;
  const why = `${seen}, has ${placed} plans and ${actors} actors`;
  return [{ level: 'WARNING', count: 'agents_away', name: textOf(name), why }];
}

function blockedOf({ id, since, note, reason }: Row): Problem {
  const why = [`since ${textOf(since)}`, textOf(note), textOf(reason)].filter(Boolean).join(', ');
  return { level: 'WARNING', count: 'schedules_blocked', name: textOf(id), why };
}

/** The runs of a kind that ended badly since one of their plan last went well; of plans that are gone nobody asks. */
function failedOf(kind: string, runs: readonly Row[], plans: readonly Row[]): Problem[] {
  const known = new Set(plans.map(({ name }) => name));
  const ended = runs.filter(({ plan, endedAt }) => known.has(plan) && typeof endedAt === 'string');
  ended.sort((one, other) => (textOf(one.endedAt) < textOf(other.endedAt) ? 1 : -1));
  const well = new Set<unknown>();
  return ended.flatMap(({ id, plan, state, reason }) => {
    if (state === 'completed') well.add(plan);
    if (well.has(plan) || !unwell.includes(textOf(state))) return [];
    const why = reason === null ? textOf(state) : `${textOf(state)}, ${textOf(reason)}`;
    return [{ level: 'WARNING', count: 'failed', name: `${kind}/${textOf(id)}`, why }];
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
