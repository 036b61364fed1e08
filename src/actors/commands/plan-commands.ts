/** `plan.put`, `get`, `list`, `check`, `pause`, `resume` and `delete`. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { commandFields } from '../../domain/commands.ts';
import { type Defaults, defaultsSchema, effectivePlan } from '../../domain/defaults.ts';
import { overdueOf } from '../../domain/overdue.ts';
import { type Pause, pauseNow, untilText } from '../../domain/pause.ts';
import { nameText, planDocumentSchema } from '../../domain/plan.ts';
import type { WrittenPlan } from '../../domain/plan-store.ts';
import { command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { KnownBackups } from '../overdue/known-backups.ts';
import { checkPlan } from '../plans/plan-check.ts';
import { mergedOrRefused } from '../plans/plan-defaults.ts';
import { refuseImpossible } from '../plans/plan-refusals.ts';
import { warningsOf } from '../plans/plan-warnings.ts';
import { answerPlaced } from '../responsibility.ts';
import { OneAtATime } from '../runs/one-at-a-time.ts';
import { listFields, pageOf } from './document-lists.ts';
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
      schema: planDocumentSchema
        .extend({
          requestId,
          dryRun: z.boolean().optional(),
          /** The Defaults as they are going to be: what `apply` checks before it puts anything. */
          defaults: z.array(defaultsSchema).max(1_000).optional(),
        })
        .refine(
          ({ dryRun, defaults }) => dryRun || !defaults,
          'defaults stands without dryRun; put Defaults with: reeve apply',
        ),
      answeredBy: 'each',
      handle: ({ requestId, dryRun, defaults, ...written }) =>
        answerPlaced(
          parts,
          async () => ({ plan: mergedOrRefused(written, defaults ?? (await allDefaults(parts))) }),
          async ({ plan }) => {
            await refuseImpossible(plan, parts);
            const { name } = plan;
            const warnings = await warningsOf(plan, parts.config);
            if (dryRun) return { name, revision: (await plans.getWritten(name))?.revision ?? 0, warnings };
            return { name, ...(await plans.put(written, { requestId })), warnings };
          },
        ),
    }),
    'plan.get': command({
      schema: z.strictObject({ name: nameText }),
      handle: async ({ name }) => {
        const stored = await plans.getWritten(name);
        if (!stored) throw await unknownPlan(parts, name);
        const [answer = {}] = await shown(parts, [stored]);
        return answer;
      },
    }),
    'plan.list': command({
      schema: z.strictObject(listFields),
      handle: async wanted => {
        const page = pageOf(await plans.listWritten(), wanted, ({ written: { name, labels } }) => ({ name, labels }));
        return { plans: await shown(parts, page) };
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
        const known = await plans.getWritten(name);
        if (known && hanging.length > 0)
          throw new AnswerError(
            'conflict',
            `plan ${name} cannot be deleted: ${hanging.join('; ')}`,
            'end what runs and delete its schedules first; keepBackups (--keep-backups) leaves its backups where they are',
          );
        if (await plans.delete(name, { requestId })) return {};
        throw await unknownPlan(parts, name);
      },
    }),
  };
}

/**
 * Plans as they were put, with what is known of each beside its document: `effective`, where Defaults make it another,
 * `wrong`, where they leave it incomplete, and `paused` and `overdue` only while it is.
 */
async function shown(parts: AgentParts, stored: readonly WrittenPlan[]): Promise<object[]> {
  const now = parts.clock.now();
  const backups = new KnownBackups(parts);
  const [defaults] = await Promise.all([allDefaults(parts), backups.learnAll()]);
  return stored.map(({ written, revision, paused }) => {
    const pause = pauseNow(paused, now);
    const merged = effectivePlan(written, defaults);
    if (!('plan' in merged)) return { ...written, revision, wrong: merged.wrong, ...(pause && { paused: pause }) };
    const { plan } = merged;
    const overdue = overdueOf(plan, backups.of(plan.name), now);
    return {
      ...written,
      revision,
      ...(!isDeepStrictEqual(plan, written) && { effective: plan }),
      ...(pause && { paused: pause }),
      ...(overdue && { overdue }),
    };
  });
}

async function allDefaults({ defaults }: AgentParts): Promise<Defaults[]> {
  return (await defaults.list()).map(each => each.defaults);
}

async function setPause(parts: AgentParts, name: string, pause: Pause | null, requestId: string | undefined) {
  const isThere = await parts.plans.pause(name, pause, { requestId });
  if (!isThere) throw await unknownPlan(parts, name);
}

async function hangingOn(parts: AgentParts, plan: string, keepBackups: boolean): Promise<string[]> {
  // The actor of a schedule goes by itself when its plan or its document does.
  const running = (await recordsOf(parts.store)).filter(
    ({ record }) => !record.final && record.kind !== 'schedule' && record.context.plan === plan,
  );
  const naming = (await parts.schedules.list()).filter(({ schedule }) => schedule.plan === plan);
  const hanging = [
    ...running.map(({ record }) => `${record.kind} ${record.id} is ${record.state}`),
    ...naming.map(({ schedule }) => `schedule ${schedule.name} names it`),
  ];
  const backups = keepBackups ? [] : await parts.catalog.list(plan);
  const all = [...hanging, ...backups.map(({ id }) => `backup ${id} can be restored`)];
  return all.length <= listedMax ? all : [...all.slice(0, listedMax), `and ${all.length - listedMax} more`];
}
