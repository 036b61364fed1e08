/**
 * A run's turn: whether it may begin beside the runs that have theirs. Pure, so that an agent decides by it and every
 * agent can say from the records what a run waits for.
 *
 * 1. Runs that write to one plan never overlap, whoever starts them.
 * 2. Whoever asked first is first, but one that stands in nobody's way may pass one that cannot begin.
 */
import type { AgentConfig } from './agent-config.ts';
import type { RunContext, RunKind } from './run.ts';

export interface TurnAsked {
  id: string;
  plan: string;
  task: RunKind;
  engine: string;
  /** The repository as the plan names it: a name, or the path. */
  repository: string;
  /** When the run was asked for, in milliseconds since the epoch. */
  askedMs: number;
}

/** How many runs an agent works on at once. */
export interface TurnLimits {
  /** All but restores, which have a limit of their own: who restores is in a hurry. */
  runs: number;
  restores: number;
  /** Of `runs`, by engine. */
  runsByEngine: Record<string, number>;
  /** All runs that use a repository, by its name in the agent's file. */
  runsByRepository: Record<string, number>;
}

export function turnOf({ id, plan, task, document, spent }: RunContext): TurnAsked {
  const { engine, repository } = document;
  const name = typeof repository === 'string' ? repository : repository.path;
  return { id, plan, task, engine: engine.type, repository: name, askedMs: spent.sinceMs };
}

export function turnLimitsOf({ limits, repositories }: Pick<AgentConfig, 'limits' | 'repositories'>): TurnLimits {
  const limited = Object.entries(repositories).flatMap(([name, { runsMax }]) =>
    runsMax === null ? [] : [[name, runsMax] as const],
  );
  const { runs, restores, runsByEngine } = limits;
  return { runs, restores, runsByEngine, runsByRepository: Object.fromEntries(limited) };
}

/** Sorts into the order of the queue. */
export function byAsked(one: TurnAsked, other: TurnAsked): number {
  return one.askedMs - other.askedMs || (one.id < other.id ? -1 : 1);
}

/** What stands before a run, beside those that have their turn; undefined where nothing does. */
export function obstacleOf(asked: TurnAsked, held: readonly TurnAsked[], limits: TurnLimits): string | undefined {
  const other = held.find(each => overlaps(each, asked));
  if (other) return `${other.task} ${other.id} of the same plan`;
  const isRestore = asked.task === 'restore';
  const alike = held.filter(({ task }) => (task === 'restore') === isRestore);
  const most = isRestore ? limits.restores : limits.runs;
  if (alike.length >= most) return place(most, `${isRestore ? 'restores' : 'runs'} that the agent works on`);
  const ofEngine = isRestore ? undefined : limitOf(limits.runsByEngine, asked.engine);
  if (ofEngine !== undefined && alike.filter(({ engine }) => engine === asked.engine).length >= ofEngine)
    return place(ofEngine, `runs of the engine ${asked.engine} that the agent works on`);
  const ofRepository = limitOf(limits.runsByRepository, asked.repository);
  if (
    ofRepository !== undefined &&
    held.filter(({ repository }) => repository === asked.repository).length >= ofRepository
  )
    return place(ofRepository, `runs that use the repository ${asked.repository}`);
  return undefined;
}

/** Both write to the plan's repository or delete from it. */
export function overlaps(one: TurnAsked, other: TurnAsked): boolean {
  return one.plan === other.plan && writes(one.task) && writes(other.task);
}

function writes(task: RunKind): boolean {
  return task === 'backup' || task === 'snapshot' || task === 'prune';
}

function limitOf(limits: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(limits, name) ? limits[name] : undefined;
}

function place(most: number, what: string): string {
  return `a place among the ${most} ${what} at once`;
}
