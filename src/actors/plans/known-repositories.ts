/**
 * The directories on this host that backups of this agent were committed to, as files in its data. As long as the catalog
 * has backups of such a repository none is made in its place: where it is not there its disk is not mounted. What was
 * written under the mount would be hidden by it later, and retention would let go of what lies on the disk.
 */
import { hash } from 'node:crypto';
import { access, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AnswerError } from '../../core/answer-error.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import { type RepositoryConfig, repositoryPathOf } from '../../domain/repository-config.ts';
import type { RunContext } from '../../domain/run.ts';
import { permanent } from '../../engines/failures.ts';
import type { AgentParts } from '../agent-parts.ts';
import { onceThere } from '../journalled-catalog.ts';
import { repositoryName, repositoryOf } from './places.ts';

/** What shows that a repository is there: a file of its own, or one that is left in it. rclone's are seldom on this host. */
const signs: Readonly<Partial<Record<RepositoryConfig['type'], string>>> = {
  files: 'repository.json',
  restic: 'config',
  directory: '.reeve-repository',
  vmbackup: '.reeve-repository',
};
const left = 'Backups of Reeve lie here. By this file it sees that their disk is mounted.\n';

/** Remembers that this repository has a backup, as soon as it has one. May be called twice. */
export async function rememberRepository({ document }: RunContext, config: AgentConfig): Promise<void> {
  const place = placeOf(document, config);
  if (!place || (await isThere(place.mark))) return;
  // Where nothing can be left in it nothing is known of it.
  if (!(await isThere(place.sign)) && !(await written(place.sign, left).catch(() => false))) return;
  await mkdir(dirname(place.mark), { recursive: true, mode: 0o700 });
  await written(place.mark, `${place.path}\n`);
}

/** Rejects with `repository-unreachable` where the run's repository has backups and is not there. */
export async function requireRepository(
  { document }: RunContext,
  { config, catalog }: Pick<AgentParts, 'config' | 'catalog'>,
  signal: AbortSignal,
): Promise<void> {
  const place = placeOf(document, config);
  if (!place || !(await isThere(place.mark))) return;
  // A disk that hangs hangs whoever asks it, so nobody waits for it longer than for the run.
  if (await onceThere(() => isThere(place.sign), signal)) return;
  const name = repositoryName(document);
  const entries = await onceThere(() => catalog.list(), signal);
  const count = entries.filter(({ repository, deleting }) => repository === name && !deleting).length;
  if (count === 0) return;
  throw permanent(
    'repository-unreachable',
    `the repository ${place.path} is not there, and the catalog has backups in it: ${count}`,
    `mount its disk; where it is lost for good, remove ${place.mark}, and the next backup makes a new one`,
  );
}

interface Place {
  path: string;
  /** The file in it by which it is known. */
  sign: string;
  /** The file in the agent's data that says that it was there. */
  mark: string;
}

/** Undefined for a repository that is not on this host, or not in the agent's file any more: the run says so elsewhere. */
function placeOf(document: RunContext['document'], config: AgentConfig): Place | undefined {
  const repository = ifAllowed(() => repositoryOf(document, config));
  const path = repository && repositoryPathOf(repository);
  const sign = repository && signs[repository.type];
  if (path === undefined || sign === undefined) return undefined;
  const mark = join(config.data, 'repositories', hash('sha256', path, 'hex').slice(0, 32));
  return { path, sign: join(path, sign), mark };
}

function ifAllowed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof AnswerError) return undefined;
    throw error;
  }
}

async function written(path: string, text: string): Promise<true> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
}

/** What cannot be looked at is there: the engine says what is wrong with it. */
async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    error => !['ENOENT', 'ENOTDIR'].includes(error.code),
  );
}
