/** Where an agent may work: its own file decides, not whoever commands it over NATS. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
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

type Use = 'read' | 'repositories' | 'restore';

/** Throws `refused` unless a path lies, as it is written, in one of the directories that the agent allows for this use. */
export function checkAllowed(config: AgentConfig, use: Use, path: string): void {
  if (path.split('/').includes('..'))
    throw new AnswerError('invalid', `the path ${path} has a .. in it`, 'write the path that you mean');
  const allowed: Allow[Use] = config.allow[use];
  if (allowed.some(directory => isInside(path, directory))) return;
  throw notAllowed(config, use, path, allowed.length > 0 ? `it allows ${allowed.join(', ')}` : 'it allows nothing');
}

/** The same, and also unless it lies there once its links are followed: a restore can bring a link, and so can anybody. */
export async function checkReached(config: AgentConfig, use: Use, path: string): Promise<void> {
  checkAllowed(config, use, path);
  const [real, ...allowed] = await Promise.all([path, ...config.allow[use]].map(each => realOf(each)));
  if (real === undefined || allowed.some(directory => isInside(real, directory))) return;
  throw notAllowed(config, use, path, `it leads to ${real}`);
}

/** The same for a plan's repository. One that the agent's own file names may lie anywhere. */
export async function checkRepository(plan: Pick<Plan, 'name' | 'repository'>, config: AgentConfig): Promise<void> {
  const { path } = repositoryOf(plan, config);
  if (typeof plan.repository !== 'string') await checkReached(config, 'repositories', path);
}

function notAllowed({ name }: AgentConfig, use: Use, path: string, why: string): AnswerError {
  const message = `agent ${name} does not allow ${path} for ${use}: ${why}`;
  return new AnswerError('refused', message, `add it to allow.${use} in the agent's file`);
}

/** Most links that are followed to what is not there, as the kernel has it. */
const linksMax = 40;

/** A path with its links followed, as far as it is there. */
async function realOf(path: string, links = 0): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT') return path; // what cannot be followed cannot be reached either
  }
  const parent = await realOf(dirname(path), links);
  const target = await readlink(join(parent, basename(path))).catch(() => undefined);
  if (target === undefined || links >= linksMax) return join(parent, basename(path));
  return await realOf(resolve(parent, target), links + 1);
}

/** How a backup of the catalog names its repository: as its plan does, a name or a path. */
export function repositoryName(plan: Pick<Plan, 'repository'>): string {
  return typeof plan.repository === 'string' ? plan.repository : plan.repository.path;
}

function isInside(path: string, directory: string): boolean {
  const base = directory.replace(/\/+$/, '');
  return path === base || path === directory || path.startsWith(`${base}/`);
}
