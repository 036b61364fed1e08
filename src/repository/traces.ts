/** What runs stand in a repository of ours with: their place in the writers' register, their temporary files. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../core/ids.ts';
import type { Repository } from './repository.ts';
import { atRepository } from './repository-failure.ts';
import { registeredWriters } from './writers.ts';

/** What a repository is first written as, which takes a moment; see `createRepository`. */
const ownDraft = /^repository-[0-9a-f]{16}$/;
const draftMsMax = 86_400_000;

/** The ids of the runs that have something in it beside a backup. */
export async function tracesIn(repository: Repository): Promise<string[]> {
  return await atRepository(repository.path, async () => {
    const temporary = await readdir(join(repository.path, 'tmp'));
    const names = new Set([...(await registeredWriters(repository)), ...temporary]);
    return [...names].filter(name => isId(name) && !ownDraft.test(name)).sort();
  });
}

/** Removes drafts of the repository itself that are older than any making of one; resolves with their names. */
export async function removeOwnDrafts(repository: Repository): Promise<string[]> {
  return await atRepository(repository.path, async () => {
    const removed: string[] = [];
    const directory = join(repository.path, 'tmp');
    for (const name of (await readdir(directory)).filter(each => ownDraft.test(each))) {
      const path = join(directory, name);
      const { mtimeMs } = await stat(path);
      if (mtimeMs > Date.now() - draftMsMax) continue;
      await rm(path, { force: true });
      removed.push(name);
    }
    return removed;
  });
}
