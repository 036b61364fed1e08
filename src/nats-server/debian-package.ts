/**
 * Debian's package of nats-server, unpacked into the cache: apt verifies its signature, and neither dpkg's database nor
 * any service hears of it.
 */
import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { FailureError } from '../core/failure.ts';
import { fillCache } from './cache.ts';

const execute = promisify(execFile);
const packageName = 'nats-server';
const timeoutMs = 120_000;

export interface DebianFetch {
  cache: string;
  variables: Readonly<Record<string, string | undefined>>;
  isRoot: boolean;
  log: (line: string) => void;
  signal: AbortSignal | undefined;
}

/**
 * Fetches it; false where this is no Debian, or we are not root. Rejects with the failure `debian-package` where apt
 * cannot fetch it.
 */
export async function fetchDebianPackage(fetch: DebianFetch): Promise<boolean> {
  if (!fetch.isRoot || !(await isOnPath('apt-get', fetch)) || !(await isOnPath('dpkg', fetch))) return false;
  fetch.log("fetching Debian's nats-server into the cache");
  await fillCache(fetch.cache, async directory => {
    await download(directory, fetch);
    const archive = (await readdir(directory)).find(name => name.endsWith('.deb'));
    if (archive === undefined) throw failed('apt-get download left no package', undefined);
    await run('dpkg', ['-x', archive, 'unpacked'], directory, fetch);
    return join(directory, 'unpacked', 'usr', 'sbin', packageName);
  });
  return true;
}

/** The package lists may be missing, as in a fresh container, or stale: then they are brought up to date once. */
async function download(directory: string, fetch: DebianFetch): Promise<void> {
  const args = ['download', '-q', packageName];
  const first = await run('apt-get', args, directory, fetch).catch((error: FailureError) => error);
  if (!(first instanceof FailureError)) return;
  fetch.signal?.throwIfAborted();
  await run('apt-get', ['update', '-q'], directory, fetch);
  await run('apt-get', args, directory, fetch);
}

async function run(command: string, args: string[], cwd: string, fetch: DebianFetch): Promise<void> {
  const env = { ...fetch.variables, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const signal = fetch.signal ? { signal: fetch.signal } : {};
  await execute(command, args, { cwd, env, timeout: timeoutMs, ...signal }).catch((cause: Error) => {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw failed(`${command} ${args.join(' ')} failed: ${said || cause.message}`, cause);
  });
}

function failed(message: string, cause: unknown): FailureError {
  const hint = 'see that apt works on this machine: apt-get update';
  return new FailureError({ kind: 'transient', code: 'debian-package', message, hint }, { cause });
}

async function isOnPath(command: string, { variables }: DebianFetch): Promise<boolean> {
  for (const directory of (variables.PATH ?? '').split(delimiter)) {
    const isThere = await access(join(directory, command), constants.X_OK).then(
      () => directory !== '',
      () => false,
    );
    if (isThere) return true;
  }
  return false;
}
