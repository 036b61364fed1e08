/** What must hold before a process of restic is started, and what a killed one left that is removed. */
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { failureOf } from '../../core/failure.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import type { Check, EngineScope } from '../engine.ts';
import { permanent, transient } from '../failures.ts';
import { checkPlaces } from '../place-checks.ts';
import { callRestic, requirePassword, resticVersion, tryRestic } from './call.ts';
import { shownUrl } from './environment.ts';
import { exits, temporaryName } from './facts.ts';
import { resticFailure } from './failures.ts';
import { clearDead, idsIn, listLocks } from './locks.ts';
import { planOf, resticRepositoryOf } from './scope.ts';

/** Looks at the tool, the source and the repository, which a backup makes where it is missing; clears dead locks away. */
export async function prepare(scope: EngineScope, signal: AbortSignal): Promise<void> {
  await resticVersion(scope, signal);
  if (scope.run.task === 'backup') await requireSource(planOf(scope).path);
  // A restore is in nobody's way; only after an attempt that was locked out is it worth a look at who did that.
  const restores = scope.run.task === 'restore' || scope.run.task === 'drill';
  if (restores && scope.run.attempt === 1) return;
  const locks = await locksOrMissing(scope, signal);
  if (locks !== 'no repository') await clearDead(scope, locks, signal);
  else if (scope.run.task === 'backup') await initialise(scope, signal);
  else
    throw permanent(
      'repository-unreachable',
      `there is no repository at ${shownUrl(scope)}`,
      'mount it, or correct its url',
    );
}

/** restic exits 0 where one of the paths is not there. */
async function requireSource(path: string): Promise<void> {
  const hint = 'mount it, or correct the path in the plan';
  const found = await stat(path).catch((cause: Error) => {
    throw permanent('source-missing', `${path} cannot be found: ${cause.message}`, hint, { cause });
  });
  if (!found.isDirectory()) throw permanent('source-missing', `${path} is not a directory`, hint);
}

/** The locks there are; or that the place can be reached, the secrets can be read, and no repository is there. */
async function locksOrMissing(scope: EngineScope, signal: AbortSignal): Promise<string[] | 'no repository'> {
  await requirePassword(resticRepositoryOf(scope).passwordFile);
  const path = repositoryPathOf(scope.repository);
  if (path !== undefined) await requireParent(path);
  const what = 'the opening of the repository';
  const found = await tryRestic(scope, { what, args: ['list', 'locks', '--no-lock'], signal });
  if (found.code === 0) return idsIn(found.stdout);
  if (found.code === exits.noRepository || isMissing(found.stderr)) return 'no repository';
  throw await resticFailure(scope, { ...found, stderrTail: found.stderr });
}

/** Where the directory above is away, so is its mount: restic would make both on the disk below. */
async function requireParent(path: string): Promise<void> {
  await stat(dirname(path)).catch((cause: Error) => {
    const message = `the directory of the repository ${path} cannot be found: ${cause.message}`;
    throw transient('repository-unreachable', message, 'mount it, or correct the url of the repository', { cause });
  });
}

/** That there is no config, as the kinds of places say it. */
function isMissing(stderr: string): boolean {
  const [line = ''] = stderr.split('\n').filter(text => text.includes('unable to open config file'));
  return /no such file or directory|does not exist|not found|NoSuchKey|404/i.test(line);
}

async function initialise(scope: EngineScope, signal: AbortSignal): Promise<void> {
  await callRestic(scope, { what: 'the making of the repository', args: ['init'], signal });
}

/**
 * Called before each process of a run, which it marks in the run's directory: one before it was killed, or died with its
 * agent, and what that left is cleared away. The run's attempts do not tell: an agent that is back repeats the same one.
 */
export async function clearFormer(scope: EngineScope): Promise<void> {
  const mark = join(scope.directory.path, 'started');
  const isFirst = await writeFile(mark, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (!isFirst) await clearLeftovers(scope, new AbortController().signal);
}

/**
 * Removes what a restic that ended badly left in the repository: its lock, and in a directory its temporary files.
 * Resolves with what that was, in words.
 */
export async function clearLeftovers(scope: EngineScope, signal: AbortSignal): Promise<string[]> {
  const path = repositoryPathOf(scope.repository);
  const temporary = path === undefined ? [] : await temporaryFiles(join(path, 'data'));
  const locks = await listLocks(scope, signal);
  const cleared = (await clearDead(scope, locks, signal)) ? ['locks of dead processes'] : [];
  // Whoever writes holds a lock from before to after: files that were there when none was held are nobody's.
  if (temporary.length === 0 || (await listLocks(scope, signal)).length > 0) return cleared;
  for (const file of temporary) await rm(file, { force: true });
  return [...cleared, `${temporary.length} temporary files`];
}

async function temporaryFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  return names.filter(name => temporaryName.test(basename(name))).map(name => join(directory, name));
}

/** The findings of `reeve check`. */
export async function checkAll(scope: EngineScope, signal: AbortSignal): Promise<Check[]> {
  const tool = await checked('restic', async () => `restic ${await resticVersion(scope, signal)}`);
  const login = await checked('login', async () => {
    const locks = await locksOrMissing(scope, signal);
    if (locks === 'no repository') return `${shownUrl(scope)} is not there yet: the first backup makes it`;
    return `${shownUrl(scope)} opens with its password${locks.length > 0 ? `; ${locks.length} locks are in it` : ''}`;
  });
  return [tool, ...(tool.ok ? [login] : []), ...(await checkPlaces(scope))];
}

async function checked(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, message: await look(), hint: '' };
  } catch (error) {
    const { message, hint } = failureOf(error);
    return { name, ok: false, message, hint };
  }
}
