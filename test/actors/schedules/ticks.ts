/** What the tests of schedules ask of a cluster: fates, runs, and whether the two tell the same story. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TickFate } from '../../../src/domain/fate.ts';
import { eventually } from '../../support/eventually.ts';
import type { HistoryRecord, World } from '../../support/world.ts';

/** All fates of a schedule, oldest tick first; of several for one tick the one that holds, which is the newest. */
export async function fatesOf(world: World, schedule: string, plan?: string): Promise<TickFate[]> {
  const asked = { schedule, ...(plan && { plan }), limit: 10_000 };
  const told = (await world.read('fate.list', asked)).fates as TickFate[];
  const holding = new Map<string, TickFate>();
  for (const fate of told.toReversed()) holding.set(`${fate.plan} ${fate.tick}`, fate);
  return [...holding.values()].sort((one, other) => (one.tick < other.tick ? -1 : 1));
}

/** The records of all runs of a kind that a schedule started, oldest first. */
export async function runsOf(world: World, kind: string, schedule: string, plan?: string): Promise<HistoryRecord[]> {
  const listed = (await world.read(`${kind}.list`, { ...(plan && { plan }), limit: 10_000 }))[`${kind}s`];
  const ids = (listed as { id: string }[]).map(({ id }) => id);
  const records = await Promise.all(ids.map(id => world.record(id, kind)));
  return records.filter(({ context }) => context.schedule === schedule).sort(byAt);
}

/** Resolves once each of these plans has completed a run of a tick that came after `since`. */
export async function untilRan(
  world: World,
  kind: string,
  plans: readonly string[],
  since: number,
  withinMs = 20_000,
): Promise<void> {
  await eventually(
    `a ${kind} of ${plans} by a tick after ${new Date(since).toISOString()}`,
    async () => {
      const rows = (await world.read(`${kind}.list`, { limit: 10_000 }))[`${kind}s`] as Record<string, string>[];
      const done = rows.filter(({ id = '', state }) => state === 'completed' && tickOf(id) >= since);
      if (plans.every(plan => done.some(row => row.plan === plan))) return true;
      await sleep(100); // a look costs all agents something
      return false;
    },
    withinMs,
  );
}

/** What is wrong between the fates and the runs of one schedule and plan, in words; `everyMs` is its interval. */
export function faultsOf(fates: readonly TickFate[], runs: readonly HistoryRecord[], everyMs: number): string[] {
  const faults: string[] = [];
  for (const [index, { tick, fate, reason }] of fates.entries()) {
    if (reason === '') faults.push(`${tick} is ${fate} for no reason`);
    const before = fates[index - 1];
    const stepMs = before ? Date.parse(tick) - Date.parse(before.tick) : everyMs;
    if (stepMs !== everyMs) faults.push(`between ${before?.tick} and ${tick} there are ticks without a fate`);
  }
  const ran = fates.filter(({ fate }) => fate === 'ran').map(({ run }) => run);
  const ids = runs.map(({ id }) => id);
  if (new Set(ran).size !== ran.length) faults.push('a run is told of two ticks');
  for (const id of ran) if (!ids.includes(id ?? '')) faults.push(`${id} is told and was not run`);
  for (const id of ids) if (!ran.includes(id)) faults.push(`${id} was run and is not told`);
  return faults;
}

function byAt(one: HistoryRecord, other: HistoryRecord): number {
  return one.id < other.id ? -1 : 1;
}

/** The tick of a run's id, in milliseconds since the epoch; 0 where it is of none. */
export function tickOf(id: string): number {
  const [, ...parts] = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{6}$/.exec(id) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number);
  return parts.length === 0 ? 0 : Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
}
