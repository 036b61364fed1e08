/** Reeve's cache: where a fetched nats-server stays. It may be removed at any time. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const binaryName = 'nats-server';

/** `$REEVE_CACHE`, else `$XDG_CACHE_HOME/reeve`, else `~/.cache/reeve`; on macOS `~/Library/Caches/reeve`. */
export function cacheDirectory(
  variables: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string {
  if (variables.REEVE_CACHE?.startsWith('/')) return variables.REEVE_CACHE;
  if (variables.XDG_CACHE_HOME?.startsWith('/')) return join(variables.XDG_CACHE_HOME, 'reeve');
  const home = variables.HOME?.startsWith('/') ? variables.HOME : homedir();
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'reeve') : join(home, '.cache', 'reeve');
}

export function cachedBinary(cache: string): string {
  return join(cache, binaryName);
}

/**
 * Calls `make` with an empty directory in the cache, and moves the binary whose path it resolves with into its place,
 * in one step: two who fetch at once both end with a whole one. What `make` left is removed in either case.
 */
export async function fillCache(cache: string, make: (directory: string) => Promise<string>): Promise<void> {
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(cache, `fetch-${randomUUID().slice(0, 8)}-`));
  try {
    const binary = await make(directory);
    await chmod(binary, 0o755);
    await rename(binary, cachedBinary(cache));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
