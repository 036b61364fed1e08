/**
 * Packs that are known to be damaged: an empty file beside the pack, `<id>.damaged`, says so. Whatever of such a pack is
 * sound is read as ever, but a backup does not count on it: it stores again what its source still has of it. A verify makes
 * the mark, and a person may.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileMode } from './durable-file.ts';
import { packPath, type Repository } from './repository.ts';
import { errorCode } from './repository-failure.ts';

const markPattern = /^([0-9a-f]{32})\.damaged$/;

/** The id of the pack that a file in packs/ marks; undefined for any other file. */
export function markedBy(name: string): string | undefined {
  return markPattern.exec(name)?.[1];
}

/** May be told of a pack again, and of one that is gone. */
export async function markDamaged(repository: Repository, packs: Iterable<string>): Promise<void> {
  for (const id of packs) {
    try {
      await writeFile(`${packPath(repository, id)}.damaged`, '', { mode: fileMode });
    } catch (error) {
      // What was found is told all the same where the repository may only be read.
      if (errorCode(error) === undefined) throw error;
    }
  }
}

export async function damagedPacks(repository: Repository): Promise<Set<string>> {
  const damaged = new Set<string>();
  const top = join(repository.path, 'packs');
  for (const directory of await readdir(top))
    for (const name of await readdir(join(top, directory)).catch(() => [])) {
      const id = markedBy(name);
      if (id !== undefined) damaged.add(id);
    }
  return damaged;
}
