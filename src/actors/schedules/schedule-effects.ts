/**
 * What a schedule does to the world: it decides its ticks, makes their runs, and follows the one that is in the way.
 *
 * 1. The run is made first, or found; then each fate is stored; only then does the schedule's own record go beyond the
 *    ticks. Asked again after a crash at any point it comes to the same run, and tells the same or a better fate.
 * 2. It acts on what the store has of the schedule, never on a step that only stands in the journal: another agent may
 *    run the schedule by then.
 * 3. While NATS is away it tries again, until its signal is aborted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FireInput, FollowInput, scheduleEffects } from '../../../machines/schedule-effects.ts';
import { isUnavailable } from '../../core/answer-error.ts';
import { failpoint } from '../../core/failpoint.ts';
import { Gate } from '../../core/gate.ts';
import { aborted, orAborted } from '../../core/or-aborted.ts';
import type { TickFate } from '../../domain/fate.ts';
import { runIdOfTick } from '../../domain/run-id.ts';
import { scheduleActorId } from '../../domain/schedule.ts';
import type { ScheduleContext, StartedRun } from '../../domain/schedule-context.ts';
import {
  type Busy,
  type Decided,
  type Decision,
  decideVisit,
  type Known,
  ticksOf,
} from '../../domain/tick-decision.ts';
import { fateOf, outcomeOf, refusedStart, type VisitOutcome } from '../../domain/visit-outcome.ts';
import { effect } from '../../runtime/effect.ts';
import { explain } from '../../runtime/explanation.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { agentOf, awayNow, awayText } from '../custody/host-away.ts';
import { followRun } from './run-follower.ts';
import { taskOf } from './tasks.ts';
import { startTickRun, type TickParts } from './tick-run.ts';

/** What of an agent the effects of a schedule need. */
export interface ScheduleParts extends TickParts, Pick<AgentParts, 'observe' | 'onEvent' | 'untilReplayed'> {
  fates: Pick<AgentParts['fates'], 'append'>;
}

const againMs = 500;
/** How long a visit of a schedule whose agent drains may take: while NATS is away it comes to no end. */
const drainPatienceMs = 3_000;
/** How many schedules are at their ticks at once; the others of that moment follow. */
const firesAtOnce = 256;

export function scheduleEffectsOf(parts: ScheduleParts): typeof scheduleEffects {
  const gate = new Gate(firesAtOnce);
  return {
    fire: effect<VisitOutcome, FireInput>(({ input: { schedule }, signal: left }) => {
      // A visit that is cut off is asked for again by whoever takes the schedule up.
      const signal = schedule.drain ? AbortSignal.any([left, AbortSignal.timeout(drainPatienceMs)]) : left;
      const work = () => gate.run(() => fire(parts, schedule, signal));
      return untilThere(() => orAborted(work(), signal), signal);
    }),

    follow: effect<void, FollowInput>(async ({ input: { current }, signal }) => {
      if (!current) return await aborted(signal);
      await followRun(parts, current.kind, current.run, signal);
    }),
  };
}

async function fire(parts: ScheduleParts, schedule: ScheduleContext, signal: AbortSignal): Promise<VisitOutcome> {
  signal.throwIfAborted(); // it may have waited long
  await parts.untilReplayed('schedule', scheduleActorId(schedule.schedule, schedule.plan), signal);
  const known = await knownOf(parts, schedule);
  const decision = decideVisit(schedule, known);
  const { made, fates } = await begun(parts, schedule, decision, signal);
  signal.throwIfAborted();
  if (decision.cancels && known.busy) await cancel(parts, known.busy);
  const told = fates.map(decided => fateOf(schedule, decided));
  failpoint('schedule.before-fate');
  await Promise.all(told.map(fate => parts.fates.append(fate)));
  failpoint('schedule.fate-told');
  for (const fate of told) tell(parts, fate);
  return outcomeOf(schedule, known, { ...decision, fates }, made, told);
}

/** What the decision needs to know: whether the previous run still goes, and what ran while the clock was ahead. */
async function knownOf(parts: ScheduleParts, schedule: ScheduleContext): Promise<Known> {
  const { current, ahead, visit } = schedule;
  return {
    busy: current ? await busyOf(parts, current) : null,
    ran: ahead === null || !visit ? new Set() : await ranOf(parts, schedule, ticksOf(schedule, visit)),
  };
}

async function busyOf(parts: ScheduleParts, { run, kind }: StartedRun): Promise<Busy | null> {
  const record = (await parts.store.read(kind, run))?.record;
  return record && !record.final ? { run, kind, ...(await madeOf(parts, record)) } : null;
}

async function madeOf(parts: ScheduleParts, record: ActorRecord): Promise<Pick<Busy, 'state' | 'why'>> {
  const { state } = record;
  const away = await awayNow(record, parts);
  if (away) return { state, why: `it is ${state} on ${awayText(away)}` };
  const { waitsFor, why } = explain(record, parts.runtime.definition(record.kind));
  return { state, why: `it is ${state} on agent ${agentOf(record)}: ${waitsFor ?? why}` };
}

async function ranOf(
  { store }: ScheduleParts,
  { document, plan, schedule, ahead }: ScheduleContext,
  ticks: readonly number[],
): Promise<ReadonlySet<number>> {
  const task = taskOf(document.task);
  const ran = new Set<number>();
  for (const tick of ticks)
    if (task && tick <= (ahead ?? 0) && (await store.read(task.kind, runIdOfTick(plan, tick, schedule)))) ran.add(tick);
  return ran;
}

/** Makes the run that the decision starts; where there can be none, its tick is missed, and says why. */
async function begun(
  parts: ScheduleParts,
  schedule: ScheduleContext,
  { start, fates }: Decision,
  signal: AbortSignal,
): Promise<{ made: Pick<Busy, 'state' | 'why'> | null; fates: Decided[] }> {
  if (!start) return { made: null, fates };
  const made = await startTickRun(parts, schedule, start, signal);
  if (made === 'forgotten') return { made: { state: 'over', why: 'it is over long since' }, fates };
  if (!('cannot' in made)) return { made: await madeOf(parts, made), fates };
  const refused = refusedStart(start, made.cannot);
  return { made: null, fates: fates.map(each => (each.tick === start.tick ? refused : each)) };
}

async function cancel(parts: ScheduleParts, { kind, run }: Busy): Promise<void> {
  const note = 'the next tick of its schedule takes its place (overlap: cancel-previous)';
  const command = { type: `${kind}.cancel`, note, requestId: `superseded-${run}` };
  await parts.runtime.host.mailboxes.send(kind, run, Buffer.from(JSON.stringify(command)));
  await parts.custody.takeUntaken(kind, run);
}

function tell({ observe }: ScheduleParts, { at, ...fate }: TickFate): void {
  observe({ fact: 'tick.fated', ...fate, lateMs: Math.max(0, Date.parse(at) - Date.parse(fate.tick)), at });
}

/** Tries until NATS answers. */
async function untilThere<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      await sleep(againMs, undefined, { signal });
    }
  }
}
