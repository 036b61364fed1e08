/**
 * Placement: which agent a plan's runs belong to. Pure: every agent that sees the same members comes to the same answer,
 * so that of all agents that hear a command exactly one takes it, and nobody has to be asked.
 */
import { createHash } from 'node:crypto';
import type { Plan } from './plan.ts';

/** What placement asks of an agent. */
export interface Candidate {
  agent: string;
  labels: Readonly<Record<string, string>>;
  /** Within its lease. */
  alive: boolean;
}

/** `self`: this agent takes it. `other`: another one does. `nobody`: no agent can, and `self` is the one to say why. */
export type Responsibility =
  | { whose: 'self' | 'other' }
  | { whose: 'nobody'; why: 'away' | 'unknown'; agent: string }
  | { whose: 'nobody'; why: 'unmatched' };

/**
 * Whose a plan is: the agent that its placement names; else, of the alive ones that match its labels (or of all), the one
 * that rendezvous hashing of its name gives. Where there is none, it is the spokesman who answers, and the others leave
 * it to that one.
 */
export function responsibleFor(
  plan: Pick<Plan, 'name' | 'placement'>,
  members: readonly Candidate[],
  self: string,
): Responsibility {
  const { placement } = plan;
  if (placement && 'agent' in placement) return ofAgent(placement.agent, members, self);
  const first = agentOfPlan(plan, members);
  if (first !== undefined) return { whose: first === self ? 'self' : 'other' };
  return isSpokesman(members, self) ? { whose: 'nobody', why: 'unmatched' } : { whose: 'other' };
}

/** The agents that may come to run a plan, by name: those alive now that its placement admits. */
export function admittedBy(
  { placement = { any: true } }: Pick<Plan, 'placement'>,
  members: readonly Candidate[],
): string[] {
  const isAdmitted = ({ agent, labels }: Candidate) => {
    if ('agent' in placement) return agent === placement.agent;
    if (!('labels' in placement)) return true;
    return Object.entries(placement.labels).every(([key, value]) => labels[key] === value);
  };
  return aliveOf(members)
    .filter(isAdmitted)
    .map(member => member.agent)
    .sort();
}

/** Whose the work is that only the agent of this name can do. */
export function ofAgent(agent: string, members: readonly Candidate[], self: string): Responsibility {
  const named = members.find(member => member.agent === agent);
  if (named?.alive) return { whose: agent === self ? 'self' : 'other' };
  if (!isSpokesman(members, self)) return { whose: 'other' };
  return { whose: 'nobody', why: named ? 'away' : 'unknown', agent };
}

/**
 * Of the agents that live, the one that rendezvous hashing of a name gives: when an agent comes or goes, only what it had,
 * or gets, changes hands. Undefined where none lives.
 */
export function heirOf(name: string, members: readonly Candidate[]): string | undefined {
  return nearestOf(
    name,
    aliveOf(members).map(({ agent }) => agent),
  );
}

/** The agent that runs of a plan belong to, alive or not; undefined where its placement names none and admits none alive. */
export function agentOfPlan(plan: Pick<Plan, 'name' | 'placement'>, members: readonly Candidate[]): string | undefined {
  const { placement } = plan;
  return placement && 'agent' in placement ? placement.agent : nearestOf(plan.name, admittedBy(plan, members));
}

/** True for the one of the alive agents that answers what concerns none in particular: the one whose name is least. */
export function isSpokesman(members: readonly Candidate[], self: string): boolean {
  const [least] = aliveOf(members)
    .map(member => member.agent)
    .sort();
  return least === self;
}

function aliveOf(members: readonly Candidate[]): Candidate[] {
  return members.filter(member => member.alive);
}

function nearestOf(name: string, agents: readonly string[]): string | undefined {
  if (agents.length < 2) return agents[0];
  const ranked = agents.map(agent => ({ agent, rank: rank(name, agent) }));
  return ranked.reduce((best, each) => (each.rank < best.rank ? each : best)).agent;
}

function rank(name: string, agent: string): string {
  return createHash('sha256').update(`${name}\0${agent}`).digest('hex');
}
