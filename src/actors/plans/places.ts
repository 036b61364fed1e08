/** Where an agent may work: its own file decides, not whoever commands it over NATS. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import type { AgentConfig, Allow } from '../../domain/agent-config.ts';
import { sourceAddressOf, sourcePathOf } from '../../domain/engine-config.ts';
import type { Plan } from '../../domain/plan.ts';
import { type RepositoryConfig, repositoryPathOf, repositoryTypeOf } from '../../domain/repository-config.ts';
import type { RunContext } from '../../domain/run.ts';

type WithRepository = Pick<Plan, 'name' | 'repository' | 'engine'>;

/** The repository of a plan: by its name in the agent's file, or by a path that the agent allows. */
export function repositoryOf(plan: WithRepository, config: AgentConfig): RepositoryConfig {
  const found = namedOrAllowed(plan, config);
  const { type } = plan.engine;
  const wanted = repositoryTypeOf[type];
  if (found.type === wanted) return found;
  throw new AnswerError(
    'invalid',
    `plan ${plan.name}: the engine ${type} writes to a repository of type ${wanted}, and this one is of type ${found.type}`,
    `name a repository of type ${wanted} from the file of agent ${config.name}`,
  );
}

function namedOrAllowed({ name, repository }: WithRepository, config: AgentConfig): RepositoryConfig {
  if (typeof repository !== 'string') {
    checkAllowed(config, 'repositories', repository.path);
    return { type: 'files', path: repository.path, minFreeBytes: 0, runsMax: null };
  }
  const known = config.repositories[repository];
  if (known) return known;
  const near = nearest(repository, Object.keys(config.repositories));
  const hint = near ? `did you mean ${near}?` : `define it under repositories in the file of agent ${config.name}`;
  throw new AnswerError('invalid', `plan ${name}: agent ${config.name} has no repository ${repository}`, hint);
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
export async function checkRepository(plan: WithRepository, config: AgentConfig): Promise<void> {
  const path = repositoryPathOf(repositoryOf(plan, config));
  if (typeof plan.repository !== 'string' && path !== undefined) await checkReached(config, 'repositories', path);
}

/**
 * Throws `refused` unless the agent allows the server that a plan's engine asks. A plan names credentials of the agent's
 * file, so without this whoever puts a plan could have them sent to a server of his own.
 */
export function checkSourceAddress({ engine }: Pick<Plan, 'engine'>, config: AgentConfig): void {
  const address = sourceAddressOf(engine);
  const { sources } = config.allow;
  if (address === undefined || sources.some(glob => isLike(address, glob))) return;
  const allows = sources.length > 0 ? `it allows ${sources.join(', ')}` : 'it allows nothing';
  throw notAllowed(config, 'sources', address, allows);
}

/** `*` stands for any characters of an address, `?` for one. */
function isLike(address: string, glob: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${pattern}$`, 'i').test(address);
}

/** What a run reads and writes on this host must be allowed when it starts, whoever changed what since it was asked for. */
export async function checkAllowedPlaces(
  { task, restore, document }: Pick<RunContext, 'task' | 'restore' | 'document'>,
  config: AgentConfig,
): Promise<void> {
  if (task === 'restore' && restore) await checkReached(config, 'restore', restore.to);
  const source = sourcePathOf(document.engine);
  const asksSource = task === 'backup' || task === 'snapshot';
  if (asksSource && source !== undefined) await checkReached(config, 'read', source);
  if (asksSource) checkSourceAddress(document, config);
  await checkRepository(document, config);
}

function notAllowed({ name }: AgentConfig, use: keyof Allow, path: string, why: string): AnswerError {
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
