/** Where an agent may work: its own file decides, not whoever commands it over NATS. */
import { AnswerError } from '../core/answer-error.ts';
import { nearest } from '../core/nearest.ts';
import type { AgentConfig, Allow, FilesRepository } from '../domain/agent-config.ts';
import type { Plan } from '../domain/plan.ts';

/** The repository of a plan: by its name in the agent's file, or by a path that the agent allows. */
export function repositoryOf(plan: Pick<Plan, 'name' | 'repository'>, config: AgentConfig): FilesRepository {
  const { repository } = plan;
  if (typeof repository !== 'string') {
    checkAllowed(config, 'repositories', repository.path);
    return { type: 'files', path: repository.path, minFreeBytes: 0 };
  }
  const known = config.repositories[repository];
  if (known) return known;
  const near = nearest(repository, Object.keys(config.repositories));
  const hint = near ? `did you mean ${near}?` : `define it under repositories in the file of agent ${config.name}`;
  throw new AnswerError('invalid', `plan ${plan.name}: agent ${config.name} has no repository ${repository}`, hint);
}

/** Throws `refused` unless a path lies in one of the directories that the agent allows for this use. */
export function checkAllowed(config: AgentConfig, use: 'read' | 'repositories' | 'restore', path: string): void {
  if (path.split('/').includes('..'))
    throw new AnswerError('invalid', `the path ${path} has a .. in it`, 'write the path that you mean');
  const allowed: Allow[typeof use] = config.allow[use];
  if (allowed.some(directory => isInside(path, directory))) return;
  const under = allowed.length > 0 ? `it allows ${allowed.join(', ')}` : 'it allows nothing';
  throw new AnswerError(
    'refused',
    `agent ${config.name} does not allow ${path} for ${use}: ${under}`,
    `add it to allow.${use} in the agent's file`,
  );
}

/** How a backup of the catalog names its repository: as its plan does, a name or a path. */
export function repositoryName(plan: Pick<Plan, 'repository'>): string {
  return typeof plan.repository === 'string' ? plan.repository : plan.repository.path;
}

function isInside(path: string, directory: string): boolean {
  const base = directory.replace(/\/+$/, '');
  return path === base || path === directory || path.startsWith(`${base}/`);
}
