/**
 * Commands that start runs of a plan: `backup.start`, `snapshot.start`, `prune.start`. Every agent hears them, and the one
 * that the plan's placement gives starts the run, for runs are bound to their agent.
 */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { commandFields } from '../../domain/commands.ts';
import { pauseNow } from '../../domain/pause.ts';
import { nameText, type Plan } from '../../domain/plan.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import { policyOf } from '../../domain/policy.ts';
import { runIdOfRequest } from '../../domain/run-id.ts';
import { engineOf } from '../../engines/engines.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { answerPlaced } from '../responsibility.ts';
import { OneAtATime } from '../runs/one-at-a-time.ts';
import { type Asked, refuseUnplaced, startRun } from '../runs/start-run.ts';
import { planOf } from './lookups.ts';
import { previewOf, refuseWithoutRetention } from './prune-preview.ts';
import { recordsOf } from './records.ts';

const ofPlan = z.strictObject({ plan: nameText, dryRun: z.boolean().optional(), ...commandFields });

interface StartOfPlan extends Asked {
  plan: string;
  rescan?: boolean | undefined;
  dryRun?: boolean | undefined;
}

/** Kinds that are asked for by a plan, of which one plan has one run at a time. */
type PlanKind = 'backup' | 'snapshot' | 'prune';
const planKinds: readonly PlanKind[] = ['backup', 'snapshot', 'prune'];

export function startCommands(parts: AgentParts): Record<string, AnyCommand> {
  const plansInTurn = new OneAtATime();
  const startOf = (kind: PlanKind, schema: z.ZodType<StartOfPlan>) =>
    command({
      schema,
      answeredBy: 'each',
      handle: input =>
        answerPlaced(
          parts,
          () => planOf(parts, input.plan),
          found => plansInTurn.run(input.plan, () => startOfPlan(parts, kind, found, input)),
        ),
    });
  return {
    'backup.start': startOf('backup', ofPlan.extend({ rescan: z.boolean().optional() })),
    'snapshot.start': startOf('snapshot', ofPlan),
    'prune.start': startOf('prune', ofPlan),
  };
}

async function startOfPlan(parts: AgentParts, kind: PlanKind, found: StoredPlan, input: StartOfPlan): Promise<object> {
  const { plan } = found;
  await refuseUnplaced(parts, plan, 'put the plan again with a placement');
  if (kind === 'prune' && input.dryRun) return await previewOf(parts, plan);
  const asked = input.requestId;
  const isRepeat =
    asked !== undefined && (await parts.store.read(kind, runIdOfRequest(plan.name, asked))) !== undefined;
  if (!isRepeat && kind === 'snapshot') refuseWithoutSnapshots(plan);
  if (!isRepeat && kind === 'prune') await refuseWithoutRetention(parts, plan);
  if (!isRepeat) refusePaused(found, parts.clock.now());
  const joined = isRepeat ? undefined : await joinedOrRefused(parts, kind, plan);
  if (joined !== undefined) return { id: joined };
  if (input.dryRun) return {};
  return await startRun(parts, kind, { ...found, restore: null, rescan: input.rescan === true }, input);
}

function refuseWithoutSnapshots(plan: Plan): void {
  if (engineOf(plan).snapshots) return;
  throw new AnswerError(
    'refused',
    `plan ${plan.name} has the engine ${plan.engine.type}, which makes no snapshots`,
    `make a backup with: reeve backup ${plan.name}`,
  );
}

/** By hand too: whoever paused it had a reason, which is told. */
function refusePaused({ plan: { name }, paused }: StoredPlan, now: number): void {
  const pause = pauseNow(paused, now);
  if (!pause) return;
  const until = pause.until === null ? '' : ` until ${pause.until}`;
  const note = pause.note === null ? '' : `: ${pause.note}`;
  throw new AnswerError(
    'refused',
    `plan ${name} is paused${until}${note}`,
    `let it go on with: reeve plan resume ${name}`,
  );
}

/**
 * What a run of the plan that is not over means for a new one: the id to join; nothing where the new one may queue behind
 * it. Only its own agent has the queue, so behind another agent's run there is no place.
 */
async function joinedOrRefused(parts: AgentParts, kind: PlanKind, plan: Plan): Promise<string | undefined> {
  const { ifRunning } = policyOf(plan);
  const records = await Promise.all(planKinds.map(each => recordsOf(parts.store, each)));
  const running = records
    .flat()
    .map(({ record }) => record)
    .filter(record => !record.final && record.context.plan === plan.name);
  const alike = running.find(record => record.kind === kind);
  if (ifRunning === 'join' && alike) return alike.id;
  const elsewhere = running.find(record => record.context.agent !== parts.config.name);
  // A backup waits for a prune of its plan, whatever it does about another backup. Of another kind there is none to join.
  const refusing = running.find(record => record.kind !== 'prune' || kind === 'prune');
  const inTheWay = (ifRunning === 'refuse' ? refusing : undefined) ?? elsewhere;
  if (!inTheWay) return undefined;
  const where = inTheWay === elsewhere ? ` on agent ${String(inTheWay.context.agent)}` : '';
  throw new AnswerError(
    'conflict',
    `${inTheWay.kind} ${inTheWay.id} of plan ${plan.name} is ${inTheWay.state}${where}`,
    ifRunning !== 'refuse'
      ? 'runs of one plan never overlap: wait for it or cancel it'
      : 'wait for it or cancel it; ifRunning: queue would wait, join would answer it',
  );
}
