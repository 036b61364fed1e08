/** The documents of schedules: `schedule.put`, `get`, `list`, `delete` and `preview`. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import { commandFields } from '../../domain/commands.ts';
import type { PlanDocument } from '../../domain/plan.ts';
import { type Schedule, scheduleActorId, scheduleSchema } from '../../domain/schedule.ts';
import { scheduleContextOf } from '../../domain/schedule-context.ts';
import { faultOfPlan, plansOf, warningsOfPlans } from '../../domain/schedule-plans.ts';
import { previewOf } from '../../domain/schedule-preview.ts';
import { type ScheduleRecord, scheduleState } from '../../domain/schedule-state.ts';
import type { StoredSchedule } from '../../domain/schedule-store.ts';
import { nameText } from '../../domain/texts.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { listFields, pageOf } from './document-lists.ts';
import { recordsOf } from './records.ts';

const { requestId } = commandFields;

export function scheduleDocumentCommands(parts: AgentParts): Record<string, AnyCommand> {
  const { schedules, clock } = parts;
  return {
    'schedule.put': command({
      schema: scheduleSchema.safeExtend({ requestId, dryRun: z.boolean().optional() }),
      handle: async ({ requestId, dryRun, ...schedule }) => {
        const { name } = schedule;
        const plans = await writtenPlans(parts);
        const fault = faultOfPlan(schedule, plans);
        if (fault) throw new AnswerError('invalid', fault.message, fault.hint);
        const warnings = warningsOfPlans(schedule, plans);
        if (dryRun) return { name, revision: (await schedules.get(name))?.revision ?? 0, warnings };
        return { name, ...(await schedules.put(schedule, { requestId })), warnings };
      },
    }),
    'schedule.get': command({
      schema: z.strictObject({ name: nameText }),
      handle: async ({ name }) => {
        const stored = await scheduleOf(parts, name);
        const plans = await writtenPlans(parts);
        const ids = plansOf(stored.schedule, plans).map(plan => scheduleActorId(name, plan));
        const records = await Promise.all(ids.map(id => parts.store.read('schedule', id)));
        return shown(stored, plans, recordsAlive(records.flatMap(each => each?.record ?? [])), clock.now());
      },
    }),
    'schedule.list': command({
      schema: z.strictObject(listFields),
      handle: async wanted => {
        const page = pageOf(await schedules.list(), wanted, ({ schedule: { name, labels } }) => ({ name, labels }));
        const plans = await writtenPlans(parts);
        const records = recordsAlive((await recordsOf(parts.store, 'schedule')).map(({ record }) => record));
        const ofSchedule = Map.groupBy(records, ({ context }) => context.schedule);
        return {
          schedules: page.map(stored => shown(stored, plans, ofSchedule.get(stored.schedule.name) ?? [], clock.now())),
        };
      },
    }),
    'schedule.delete': command({
      schema: z.strictObject({ name: nameText, requestId }),
      handle: async ({ name, requestId }) => {
        if (await schedules.delete(name, { requestId })) return {};
        throw await unknownSchedule(parts, name);
      },
    }),
    'schedule.preview': command({
      schema: z
        .strictObject({
          name: nameText.optional(),
          document: scheduleSchema.optional(),
          /** Of a schedule for several: the plan whose ticks are wanted. */
          plan: nameText.optional(),
          count: z.int().min(1).max(1_000).optional(),
        })
        .refine(
          ({ name, document }) => (name === undefined) !== (document === undefined),
          'needs either name or document',
        ),
      handle: async ({ name, document, plan, count = 10 }) => {
        const schedule = document ?? (await scheduleOf(parts, name as string)).schedule;
        if (plan !== undefined) refuseStranger(schedule, plan, await writtenPlans(parts));
        return { ticks: previewOf(schedule, plan ?? schedule.plan, clock.now(), count) };
      },
    }),
  };
}

/** The document as it was put, its revision, and how it stands. */
function shown(
  { schedule, revision }: StoredSchedule,
  plans: readonly PlanDocument[],
  records: readonly ScheduleRecord[],
  nowMs: number,
): object {
  return { ...schedule, revision, ...scheduleState(schedule, plansOf(schedule, plans), records, nowMs) };
}

function refuseStranger(schedule: Schedule, plan: string, all: readonly PlanDocument[]): void {
  const plans = schedule.plan === undefined ? plansOf(schedule, all) : [schedule.plan];
  if (plans.includes(plan)) return;
  const hint = plans.length > 0 ? `it is for: ${plans.join(', ')}` : 'it is for no plan that is there';
  throw new AnswerError('not-found', `schedule ${schedule.name} is not for a plan ${plan}`, hint);
}

function recordsAlive(records: readonly ActorRecord[]): ScheduleRecord[] {
  return records.filter(({ final }) => !final).map(record => ({ ...record, context: scheduleContextOf(record) }));
}

async function writtenPlans({ plans }: AgentParts): Promise<PlanDocument[]> {
  return (await plans.listWritten()).map(({ written }) => written);
}

async function scheduleOf(parts: AgentParts, name: string): Promise<StoredSchedule> {
  const stored = await parts.schedules.get(name);
  if (!stored) throw await unknownSchedule(parts, name);
  return stored;
}

export async function unknownSchedule({ schedules }: AgentParts, name: string): Promise<AnswerError> {
  const near = nearest(
    name,
    (await schedules.list()).map(({ schedule }) => schedule.name),
  );
  const hint = near ? `did you mean ${near}?` : 'see them with: reeve schedule list';
  return new AnswerError('not-found', `there is no schedule ${name}`, hint);
}
