/** `schedule.pause`, `schedule.resume` and `schedule.trigger`: to the actors of a schedule, or to the one of a plan. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { commandFields } from '../../domain/commands.ts';
import { untilText } from '../../domain/pause.ts';
import { runIdOfRequest, runIdOfTime } from '../../domain/run-id.ts';
import { scheduleActorId } from '../../domain/schedule.ts';
import { type ScheduleContext, scheduleContextOf } from '../../domain/schedule-context.ts';
import { nameText } from '../../domain/texts.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { pairOf } from '../schedules/pairs.ts';
import { taskOf } from '../schedules/tasks.ts';
import { momentOf } from './moments.ts';
import { recordOf, recordsOf } from './records.ts';
import { unknownSchedule } from './schedule-documents.ts';
import { tellActor } from './tell-actor.ts';

const ofSchedule = { name: nameText, plan: nameText.optional(), ...commandFields };

/** How many actors are told at once. */
const atOnce = 64;
/** How long a trigger waits for what comes of it. */
const decidedWithinMs = 5_000;

export function scheduleActorCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'schedule.pause': command({
      schema: z.strictObject({ ...ofSchedule, until: untilText.optional() }),
      handle: async ({ name, plan, until, ...said }) => {
        const moment = until === undefined ? null : momentOf('schedule.pause', until, parts.clock.now());
        await tellAll(parts, name, plan, () => ({ type: 'schedule.pause', until: moment, ...said }));
        return {};
      },
    }),
    'schedule.resume': command({
      schema: z.strictObject(ofSchedule),
      handle: async ({ name, plan, ...said }) => {
        await tellAll(parts, name, plan, () => ({ type: 'schedule.resume', ...said }));
        return {};
      },
    }),
    'schedule.trigger': command({
      schema: z.strictObject(ofSchedule),
      handle: async ({ name, plan, ...said }) => {
        const runs = new Map<string, string>();
        await tellAll(parts, name, plan, of => {
          const run = idOfRun(of, said.requestId, parts.clock.now());
          runs.set(scheduleActorId(name, of), run);
          return { type: 'schedule.trigger', run, ...said };
        });
        return { ids: (await started(parts, runs)).sort() };
      },
    }),
  };
}

function idOfRun(plan: string, requestId: string | undefined, now: number): string {
  return requestId === undefined
    ? runIdOfTime(plan, now, randomBytes(3).toString('hex'))
    : runIdOfRequest(plan, requestId);
}

/** Tells all actors of a schedule that have not ended, or the one of a plan; rejects with the first refusal. */
async function tellAll(
  parts: AgentParts,
  name: string,
  plan: string | undefined,
  commandTo: (plan: string) => { type: string; requestId?: string | undefined },
): Promise<void> {
  const ids = plan === undefined ? await actorsOf(parts, name) : [scheduleActorId(name, plan)];
  if (plan === undefined && ids.length === 0) throw await noActor(parts, name);
  const left = ids.values();
  const worker = async () => {
    for (const id of left) await tellActor(parts, 'schedule', id, commandTo(pairOf(id).plan));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, worker));
}

/** Of the runs that were triggered those that are made or wait for their turn; a conflict where that is none. */
async function started(parts: AgentParts, runs: ReadonlyMap<string, string>): Promise<string[]> {
  const ids: string[] = [];
  let why = '';
  for (const [actor, run] of runs) {
    const { document, queued, lastFate } = await decided(parts, actor);
    const kind = taskOf(document.task)?.kind;
    const isMade = queued?.run === run || (kind !== undefined && (await parts.store.read(kind, run)) !== undefined);
    if (isMade) ids.push(run);
    else why = lastFate?.reason ?? 'it was not decided in time';
  }
  if (ids.length > 0 || runs.size === 0) return ids;
  throw new AnswerError('conflict', `nothing was started: ${why}`, 'trigger it again once that is over');
}

/** The context of a schedule's actor once it has decided what it was told, or is not heard to. */
async function decided({ store, onEvent }: AgentParts, id: string): Promise<ScheduleContext> {
  const deadline = AbortSignal.timeout(decidedWithinMs);
  let wake: () => void = () => undefined;
  deadline.addEventListener('abort', () => wake());
  const unhear = onEvent('schedule', id, () => wake());
  try {
    for (;;) {
      const stepped = new Promise<void>(resolve => {
        wake = resolve;
      });
      const context = scheduleContextOf((await recordOf(store, 'schedule', id)).record);
      if ((context.visit === null && context.byHand === null) || deadline.aborted) return context;
      await stepped;
    }
  } finally {
    unhear();
  }
}

async function actorsOf({ store }: AgentParts, name: string): Promise<string[]> {
  const records = (await recordsOf(store, 'schedule')).map(({ record }) => record);
  return records.filter(({ final, id }) => !final && pairOf(id).schedule === name).map(({ id }) => id);
}

async function noActor(parts: AgentParts, name: string): Promise<AnswerError> {
  if (!(await parts.schedules.get(name))) return await unknownSchedule(parts, name);
  return new AnswerError('refused', `schedule ${name} runs for no plan now`, 'see its plans with: reeve schedule show');
}
