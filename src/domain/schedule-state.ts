/** How a schedule stands, from the records of its actors: one a plan. Pure. */
import type { TickFate } from './fate.ts';
import type { Schedule } from './schedule.ts';
import { scheduleActorId } from './schedule.ts';
import type { ScheduleContext } from './schedule-context.ts';
import { nextTick } from './ticks.ts';

/** What is read of the record of an actor that has not ended. */
export interface ScheduleRecord {
  id: string;
  state: string;
  since: string;
  final: boolean;
  context: Pick<ScheduleContext, 'schedule' | 'plan' | 'next' | 'lastFate' | 'blocked' | 'pause'>;
}

/** How it stands with one plan. Times are RFC 3339; null where there is none. */
export interface StateOfPlan {
  plan: string;
  /** Null until an agent has begun to run it; then `next` is what its document says. */
  state: string | null;
  since: string | null;
  next: string | null;
  lastFate: TickFate | null;
  /** What stands in the way, or why it was paused; absent where neither is so. */
  why?: string;
}

export interface StateOfSchedule {
  /** The most remarkable one of its plans. */
  state: string | null;
  since: string | null;
  /** The first tick of any of its plans. */
  next: string | null;
  /** Of the newest tick of any of its plans. */
  lastFate: TickFate | null;
  actors: StateOfPlan[];
}

/** The most remarkable first. */
const remarkable = ['blocked', 'draining', 'released', 'paused', 'firing', 'waiting'];

export function scheduleState(
  schedule: Schedule,
  plans: readonly string[],
  records: readonly ScheduleRecord[],
  nowMs: number,
): StateOfSchedule {
  const known = new Map(records.map(record => [record.id, record]));
  const actors = plans.map(plan => {
    const record = known.get(scheduleActorId(schedule.name, plan));
    return record ? stateOf(record) : notBegun(schedule, plan, nowMs);
  });
  const rank = ({ state }: StateOfPlan) => (state === null ? remarkable.length : remarkable.indexOf(state));
  const [first] = [...actors].sort((one, other) => rank(one) - rank(other));
  const nexts = actors.flatMap(({ next }) => next ?? []).sort();
  const fates = actors.flatMap(({ lastFate }) => lastFate ?? []);
  return {
    state: first?.state ?? null,
    since: first?.since ?? null,
    next: nexts[0] ?? null,
    lastFate: fates.sort((one, other) => (one.tick < other.tick ? 1 : -1))[0] ?? null,
    actors,
  };
}

function stateOf({ state, since, context }: ScheduleRecord): StateOfPlan {
  const { plan, next, lastFate, blocked, pause } = context;
  const [first = state] = state.split('.', 1);
  const why = whyOf(first, blocked, pause);
  return { plan, state: first, since, next: textOf(next), lastFate, ...(why !== undefined && { why }) };
}

function whyOf(
  state: string,
  blocked: ScheduleContext['blocked'],
  pause: ScheduleContext['pause'],
): string | undefined {
  if (state === 'blocked' && blocked)
    return `${blocked.kind} ${blocked.run} is in the way since ${blocked.since}: ${blocked.why}`;
  if (state !== 'paused' || !pause) return undefined;
  const until = pause.until === null ? '' : `until ${textOf(pause.until)}`;
  return [until, pause.note ?? ''].filter(text => text !== '').join(': ') || undefined;
}

function notBegun(schedule: Schedule, plan: string, nowMs: number): StateOfPlan {
  return { plan, state: null, since: null, next: textOf(nextTick(schedule, plan, nowMs)), lastFate: null };
}

function textOf(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
