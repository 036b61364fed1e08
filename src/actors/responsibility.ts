/**
 * Who answers a command that every agent hears: the agent that its plan's placement gives. The others leave it undecided,
 * so that of all agents one acts, whichever of them hears the command first.
 */
import { AnswerError } from '../core/answer-error.ts';
import { nearest } from '../core/nearest.ts';
import {
  admittedBy,
  type Candidate,
  isSpokesman,
  ofAgent,
  type Responsibility,
  responsibleFor,
} from '../domain/placement.ts';
import type { Plan } from '../domain/plan.ts';
import { undecided } from '../nats/command-service.ts';
import type { AgentParts } from './agent-parts.ts';

/** What a command is about: a plan, or work that only the agent named `on` can do. */
export interface Placed {
  plan: Pick<Plan, 'name' | 'placement'>;
  on?: string | undefined;
}

/**
 * Answers with `handle` on the agent that is responsible for what `find` found, and with `undecided` on the others. What
 * `find` rejects with is answered by the spokesman, and so is that nobody is there to do it: `unavailable`.
 */
export async function answerPlaced<Found extends Placed>(
  parts: AgentParts,
  find: () => Promise<Found>,
  handle: (found: Found) => Promise<object>,
): Promise<object> {
  const self = parts.config.name;
  const members = await candidatesOf(parts);
  let found: Found;
  try {
    found = await find();
  } catch (error) {
    if (!(error instanceof AnswerError) || isSpokesman(members, self)) throw error;
    return undecided;
  }
  const { plan, on } = found;
  const responsibility = on === undefined ? responsibleFor(plan, members, self) : ofAgent(on, members, self);
  if (responsibility.whose === 'nobody') throw await nobody(parts, plan, members, responsibility);
  return responsibility.whose === 'self' ? await handle(found) : undecided;
}

/** True on the one agent that answers what every agent hears and what concerns none in particular. */
export async function speaks(parts: AgentParts): Promise<boolean> {
  return isSpokesman(await candidatesOf(parts), parts.config.name);
}

/** Names of the agents that can take work now, this one among them. */
export async function agentsThatLive(parts: AgentParts): Promise<string[]> {
  return namesOfLiving(await candidatesOf(parts));
}

/** Names of the agents that can take work now and that a plan's placement admits. */
export async function agentsAdmitted(parts: AgentParts, plan: Pick<Plan, 'placement'>): Promise<string[]> {
  return admittedBy(plan, await candidatesOf(parts));
}

/** Those of some plans that are this agent's, and those that no agent can have now, where it speaks for all. */
export async function ownOf<Stored extends { plan: Placed['plan'] }>(
  parts: Pick<AgentParts, 'config' | 'membership'>,
  stored: readonly Stored[],
): Promise<Stored[]> {
  const members = await candidatesOf(parts);
  return stored.filter(({ plan }) => responsibleFor(plan, members, parts.config.name).whose !== 'other');
}

/** True where the plan's runs belong to this agent now, by a placement or because no other lives. */
export async function isOwn(
  parts: Pick<AgentParts, 'config' | 'membership'>,
  plan: Pick<Plan, 'name' | 'placement'>,
): Promise<boolean> {
  const members = await candidatesOf(parts);
  if (!plan.placement && namesOfLiving(members).length > 1) return false;
  return responsibleFor(plan, members, parts.config.name).whose === 'self';
}

function namesOfLiving(candidates: readonly Candidate[]): string[] {
  return candidates
    .filter(({ alive }) => alive)
    .map(({ agent }) => agent)
    .sort();
}

/** All members as placement sees them; this agent lives, also before its own renewal came back to it. */
export async function candidatesOf({
  config,
  membership,
}: Pick<AgentParts, 'config' | 'membership'>): Promise<Candidate[]> {
  const others = (await membership.list()).filter(({ agent }) => agent !== config.name);
  const candidates = others.map(({ agent, labels, alive, mode }) => ({
    agent,
    labels,
    alive: alive && mode !== 'stopped' && mode !== 'fenced',
  }));
  return [...candidates, { agent: config.name, labels: config.labels, alive: true }];
}

async function nobody(
  parts: AgentParts,
  { name }: Placed['plan'],
  members: readonly Candidate[],
  responsibility: Extract<Responsibility, { whose: 'nobody' }>,
): Promise<AnswerError> {
  const living = namesOfLiving(members);
  if (responsibility.why === 'unmatched')
    return new AnswerError(
      'unavailable',
      `plan ${name}: no agent that lives has the labels of its placement`,
      `start one that has them, or change the placement; there are: ${living.join(', ')}`,
    );
  const { agent, why } = responsibility;
  // An agent that left gave its lease back, and left its record.
  if (why === 'unknown' && !(await parts.store.read('agent', agent))) return unknownAgent(agent, living);
  return agentAway(agent);
}

export function agentAway(agent: string): AnswerError {
  return new AnswerError('unavailable', `agent ${agent} is away`, 'start it again, or name another agent');
}

export function unknownAgent(name: string, known: string[]): AnswerError {
  const near = nearest(name, known);
  const hint = near ? `did you mean ${near}?` : `there are: ${known.join(', ')}`;
  return new AnswerError('not-found', `there is no agent ${name}`, hint);
}
