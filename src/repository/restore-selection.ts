/** Which entries of a backup a restore brings back. */
import type { BytePath } from './byte-path.ts';
import { compileGlobs } from './glob.ts';
import type { Entry } from './manifest.ts';
import { readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';

export interface Selection {
  /** Asked of each entry in the order of the manifest. */
  includes: (entry: Entry) => boolean;
  /** Hard link groups of which a later name is wanted, and the first is not. */
  orphans: Set<number>;
}

/** `include` are globs over relative paths: what matches comes back, with all that is below it. None means everything. */
export async function selectEntries(
  repository: Repository,
  manifest: string,
  include: readonly string[],
  signal: AbortSignal,
): Promise<Selection> {
  const orphans = new Set<number>();
  if (include.length === 0) return { includes: () => true, orphans };
  const includes = selector(include);
  const left = new Set<number>();
  for await (const line of readManifest(repository, manifest, signal)) {
    if (line.type === 'file' && line.group !== undefined && !includes(line)) left.add(line.group);
    else if (line.type === 'link' && includes(line) && left.has(line.group)) orphans.add(line.group);
    else if (line.type === 'directory') includes(line);
  }
  return { includes: selector(include), orphans };
}

/** Directories that match stay matched for all that is below them, which the order of a manifest makes a prefix test. */
function selector(include: readonly string[]): (entry: Entry) => boolean {
  const matches = compileGlobs(include);
  let below: BytePath | null = null;
  return entry => {
    if (below !== null && entry.path.startsWith(`${below}/`)) return true;
    if (entry.path === '' || !matches(entry.path, entry.type === 'directory')) return false;
    below = entry.type === 'directory' ? entry.path : below;
    return true;
  };
}
