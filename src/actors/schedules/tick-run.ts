/**
 * The run of a tick. Its id derives from the plan, the tick and the schedule, and its first record is created or not at
 * all: however often and by whomever it is asked for, a tick has one run.
 */
import type { RunInput } from '../../../machines/run-context.ts';
import { AnswerError } from '../../core/answer-error.ts';
import { failpoint } from '../../core/failpoint.ts';
import { timeText } from '../../core/time-text.ts';
import { pauseNow } from '../../domain/pause.ts';
import { agentOfPlan } from '../../domain/placement.ts';
import type { StoredPlan } from '../../domain/plan-store.ts';
import type { RunKind } from '../../domain/run.ts';
import type { ScheduleContext, Turn } from '../../domain/schedule-context.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { AgentParts } from '../agent-parts.ts';
import { candidatesOf } from '../responsibility.ts';
import { runPolicyOf } from '../runs/run-policy.ts';
import { handOver } from './hand-over.ts';
import { type Task, taskOf } from './tasks.ts';

/** What of an agent it takes to make a run. */
export interface TickParts
  extends Pick<AgentParts, 'config' | 'runtime' | 'store' | 'catalog' | 'membership' | 'clock' | 'askAgents'> {
  plans: Pick<AgentParts['plans'], 'get'>;
  custody: Pick<AgentParts['custody'], 'take' | 'takeUntaken' | 'created'>;
}

/** Records stay for a day at least: the run of a tick that is younger than this was not forgotten. */
const forgottenAfterMs = 3_600_000;

/**
 * Creates the run of a turn, or finds it; `cannot` says in words why there can be none. One that ran so long ago that only
 * its tombstone is left is `forgotten`.
 */
export async function startTickRun(
  parts: TickParts,
  schedule: Pick<ScheduleContext, 'schedule' | 'plan' | 'document'>,
  turn: Turn,
  signal: AbortSignal,
): Promise<ActorRecord | 'forgotten' | { cannot: string }> {
  const { task: name } = schedule.document;
  const task = taskOf(name);
  if (!task) return { cannot: `this version runs no ${name}` };
  const isOld = parts.clock.now() - turn.tick > forgottenAfterMs;
  if (isOld && (await parts.store.isForgotten(task.kind, turn.run))) return 'forgotten';
  const input = await inputOf(parts, schedule, turn, task);
  if (!('cannot' in input)) return await created(parts, task.kind, input, noteOf(schedule, turn), signal);
  // Asked again after a crash it may be there, whatever has changed since.
  return (await parts.store.read(task.kind, turn.run))?.record ?? input;
}

async function inputOf(
  parts: TickParts,
  { schedule, plan: name }: Pick<ScheduleContext, 'schedule' | 'plan'>,
  { run: id }: Turn,
  task: Task,
): Promise<Omit<RunInput, 'at'> | { cannot: string }> {
  const stored = await planOf(parts, name);
  if ('cannot' in stored) return stored;
  const { plan, revision: planRevision } = stored;
  const pause = pauseNow(stored.paused, parts.clock.now());
  if (pause) return { cannot: `plan ${name} is paused${pause.until === null ? '' : ` until ${pause.until}`}` };
  const asked = await task.ask(parts, stored);
  if ('cannot' in asked) return asked;
  const agent = await agentFor(parts, plan);
  if (typeof agent !== 'string') return agent;
  const policy = runPolicyOf(task.kind, plan, parts.config);
  return { id, task: task.kind, agent, document: plan, planRevision, policy, schedule, ...asked };
}

async function created(
  parts: TickParts,
  kind: RunKind,
  input: Omit<RunInput, 'at'>,
  note: string,
  signal: AbortSignal,
): Promise<ActorRecord> {
  const { id, agent } = input;
  failpoint('schedule.before-run');
  const { stored } = await parts.runtime.create(kind, id, { input, handTo: agent, note, signal });
  failpoint('schedule.run-created');
  parts.custody.created(stored);
  void handOver(parts, stored, agent);
  return stored.record;
}

function noteOf({ schedule }: Pick<ScheduleContext, 'schedule'>, { tick, byHand }: Turn): string {
  return `${byHand ? 'trigger' : 'tick'} ${timeText(tick)} of schedule ${schedule}`;
}

async function planOf({ plans }: TickParts, name: string): Promise<StoredPlan | { cannot: string }> {
  try {
    return (await plans.get(name)) ?? { cannot: `plan ${name} is not there` };
  } catch (error) {
    if (error instanceof AnswerError && error.code === 'refused') return { cannot: error.message };
    throw error;
  }
}

async function agentFor(
  parts: TickParts,
  plan: Parameters<typeof agentOfPlan>[0],
): Promise<string | { cannot: string }> {
  const candidates = await candidatesOf(parts);
  const living = candidates.filter(({ alive }) => alive);
  if (!plan.placement && living.length > 1)
    return { cannot: `plan ${plan.name} has no placement, and ${living.length} agents live` };
  const agent = agentOfPlan(plan, candidates);
  return agent ?? { cannot: `no agent that lives has the labels of the placement of plan ${plan.name}` };
}
