/** `plan.put`, `get`, `list`, `check`, `pause`, `resume` and `delete`. */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { commandFields } from '../../domain/commands.ts';
import { overdueOf } from '../../domain/overdue.ts';
import { type Pause, pauseNow, untilText } from '../../domain/pause.ts';
import { nameText, planSchema } from '../../domain/plan.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import { command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { OneAtATime } from '../one-at-a-time.ts';
import { backupsOfPlans } from '../overdue-watch.ts';
import { checkPlan } from '../plan-check.ts';
import { refuseImpossible } from '../plan-refusals.ts';
import { warningsOf } from '../plan-warnings.ts';
import { answerPlaced } from '../responsibility.ts';
import { planOf, unknownPlan } from './lookups.ts';
import { momentOf } from './moments.ts';
import { recordsOf } from './records.ts';

const requestId = commandFields.requestId;
/** Most of what hangs on a plan that a refusal lists; the rest is counted. */
const listedMax = 20;

export function planCommands(parts: AgentParts) {
  const { plans } = parts;
  const checksInTurn = new OneAtATime();
  return {
    'plan.put': command({
      schema: planSchema.extend({ requestId, dryRun: z.boolean().optional() }),
      answeredBy: 'each',
      handle: ({ requestId, dryRun, ...plan }) =>
        answerPlaced(
          parts,
          async () => ({ plan }),
          async () => {
            await refuseImpossible(plan, parts);
            const warnings = await warningsOf(plan, parts.config);
            if (dryRun) return { name: plan.name, revision: (await plans.get(plan.name))?.revision ?? 0, warnings };
            const { revision } = await plans.put(plan, requestId === undefined ? {} : { requestId });
            return { name: plan.name, revision, warnings };
          },
        ),
    }),
    'plan.get': command({
      schema: z.strictObject({ name: nameText }),
      handle: async ({ name }) => {
        const stored = await planOf(parts, name);
        const [answer = {}] = await shown(parts, [stored]);
        return answer;
      },
    }),
    'plan.list': command({
      schema: z.strictObject({
        labels: z.record(z.string(), z.string()).optional(),
        limit: z.int().min(1).max(10_000).optional(),
      }),
      handle: async ({ labels = {}, limit = 1_000 }) => {
        const all = await plans.list();
        const matching = all.filter(({ plan }) =>
          Object.entries(labels).every(([key, value]) => plan.labels?.[key] === value),
        );
        return { plans: await shown(parts, matching.slice(0, limit)) };
      },
    }),
    'plan.pause': command({
      schema: z.strictObject({ name: nameText, until: untilText.optional(), ...commandFields }),
      handle: async ({ name, until, note = null, requestId }) => {
        const pause = { until: until === undefined ? null : momentOf('plan.pause', until, parts.clock.now()), note };
        await setPause(parts, name, pause, requestId);
        return {};
      },
    }),
    'plan.resume': command({
      schema: z.strictObject({ name: nameText, ...commandFields }),
      handle: async ({ name, requestId }) => {
        await setPause(parts, name, null, requestId);
        return {};
      },
    }),
    'plan.check': command({
      schema: z.strictObject({ name: nameText }),
      answeredBy: 'each',
      handle: ({ name }) =>
        answerPlaced(
          parts,
          () => planOf(parts, name),
          // They share the directory that an engine may write to.
          stored => checksInTurn.run(name, async () => ({ checks: await checkPlan(stored, parts) })),
        ),
    }),
    'plan.delete': command({
      schema: z.strictObject({ name: nameText, keepBackups: z.boolean().optional(), requestId }),
      handle: async ({ name, keepBackups, requestId }) => {
        const hanging = await hangingOn(parts, name, keepBackups ?? false);
        const known = await plans.get(name);
        if (known && hanging.length > 0)
          throw new AnswerError(
            'conflict',
            `plan ${name} cannot be deleted: ${hanging.join('; ')}`,
            'end what runs first; keepBackups leaves its backups where they are',
          );
        if (await plans.delete(name, requestId === undefined ? {} : { requestId })) return {};
        throw await unknownPlan(parts, name);
      },
    }),
  };
}

/** Plans with what is known of each beside its document; `paused` and `overdue` are there only while it is. */
async function shown(parts: AgentParts, stored: readonly StoredPlan[]): Promise<object[]> {
  const now = parts.clock.now();
  const backupsOf = await backupsOfPlans(parts);
  return stored.map(({ plan, revision, paused }) => {
    const pause = pauseNow(paused, now);
    const overdue = overdueOf(plan, backupsOf(plan.name), now);
    return { ...plan, revision, ...(pause && { paused: pause }), ...(overdue && { overdue }) };
  });
}

async function setPause(parts: AgentParts, name: string, pause: Pause | null, requestId: string | undefined) {
  const isThere = await parts.plans.pause(name, pause, requestId === undefined ? {} : { requestId });
  if (!isThere) throw await unknownPlan(parts, name);
}

async function hangingOn(parts: AgentParts, plan: string, keepBackups: boolean): Promise<string[]> {
  const running = (await recordsOf(parts.store)).filter(({ record }) => !record.final && record.context.plan === plan);
  const hanging = running.map(({ record }) => `${record.kind} ${record.id} is ${record.state}`);
  const backups = keepBackups ? [] : await parts.catalog.list(plan);
  const all = [...hanging, ...backups.map(({ id }) => `backup ${id} can be restored`)];
  return all.length <= listedMax ? all : [...all.slice(0, listedMax), `and ${all.length - listedMax} more`];
}
