/**
 * Finds a nats-server to run, and fetches one where there is none: on PATH; in Reeve's cache; Debian's package, where we
 * are root and apt is there; the official release for this platform. Whatever is fetched goes into the cache, whole or
 * not at all: nothing is installed, and no service starts.
 */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { FailureError, failureOf } from '../core/failure.ts';
import { binaryName, cacheDirectory, cachedBinary } from './cache.ts';
import { fetchDebianPackage } from './debian-package.ts';
import { fetchRelease, type ReleaseSource } from './release.ts';
import { isSupported, oldestSupported, versionOf } from './version.ts';

export interface FoundServer {
  /** Absolute path of the binary. */
  path: string;
  /** Such as `2.10.4`. */
  version: string;
  from: 'path' | 'cache' | 'debian' | 'release';
}

export interface Search {
  /** PATH, HOME, REEVE_CACHE and XDG_CACHE_HOME are read; the process's own unless given. */
  variables?: Readonly<Record<string, string | undefined>>;
  platform?: NodeJS.Platform;
  /** Told, a sentence each, what takes time and what was passed over. */
  log?: (line: string) => void;
  /** May Debian's package be fetched? Where this process is root, unless given. */
  isRoot?: boolean;
  /** Where the official release comes from. */
  release?: Partial<ReleaseSource>;
  signal?: AbortSignal;
}

/** Rejects with the failure `nats-server-missing`, which says what was tried and how to get one. */
export async function findNatsServer(search: Search = {}): Promise<FoundServer> {
  const { variables = process.env, platform = process.platform, log = () => {}, signal } = search;
  for (const directory of (variables.PATH ?? '').split(delimiter)) {
    const found = isAbsolute(directory) ? await usable(join(directory, binaryName), 'path', log) : undefined;
    if (found) return found;
  }
  const cache = cacheDirectory(variables, platform);
  const cached = await usable(cachedBinary(cache), 'cache', log);
  if (cached) return cached;

  const tried: string[] = [];
  const fetchers: [FoundServer['from'], () => Promise<boolean>][] = [
    ['debian', () => fetchDebianPackage({ cache, variables, isRoot: search.isRoot ?? isRoot(), log, signal })],
    ['release', () => fetchRelease({ cache, platform, log, signal, ...search.release })],
  ];
  for (const [from, fetch] of fetchers) {
    try {
      const found = (await fetch()) ? await usable(cachedBinary(cache), from, log) : undefined;
      if (found) return found;
    } catch (error) {
      signal?.throwIfAborted();
      const { message } = failureOf(error);
      log(message);
      tried.push(message);
    }
  }
  throw missing(tried);
}

/** The server at this path, if it is there, runs, and is not too old. */
async function usable(
  path: string,
  from: FoundServer['from'],
  log: (line: string) => void,
): Promise<FoundServer | undefined> {
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const version = await versionOf(path);
  if (version !== undefined && isSupported(version)) return { path, version, from };
  log(version === undefined ? `${path} does not run` : `${path} is ${version}, older than ${oldestSupported}`);
  return undefined;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function missing(tried: string[]): FailureError {
  const because = tried.length > 0 ? `: ${tried.join('; ')}` : '';
  return new FailureError({
    kind: 'permanent',
    code: 'nats-server-missing',
    message: `there is no nats-server on PATH, and none could be fetched${because}`,
    hint:
      'install nats-server (Debian, Ubuntu: apt install nats-server; macOS: brew install nats-server; ' +
      'or a release of github.com/nats-io/nats-server on PATH), or name a running one with --nats URL',
  });
}
