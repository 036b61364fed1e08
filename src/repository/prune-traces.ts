/** By what a reader tells that a prune was at work while it read: a backup was removed, or a pack renamed or taken away. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.ts';
import { removedBy } from './slot-file.ts';

export interface PruneTraces {
  /** Names of slots that were removed. */
  removed: Set<string>;
  /** Names of the files in packs/. */
  packs: Set<string>;
}

export async function pruneTraces(repository: Repository): Promise<PruneTraces> {
  const slots = await readdir(join(repository.path, 'slots'));
  const packs = new Set<string>();
  const top = join(repository.path, 'packs');
  for (const directory of await readdir(top))
    for (const name of await readdir(join(top, directory)).catch(() => [])) packs.add(name);
  return { removed: new Set(slots.filter(name => removedBy(name) !== undefined)), packs };
}

export function isPrunedSince(before: PruneTraces, now: PruneTraces): boolean {
  const isNew = [...now.removed].some(name => !before.removed.has(name));
  return isNew || [...before.packs].some(name => !now.packs.has(name));
}
