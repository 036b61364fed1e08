/** What a run leaves in the repository besides chunks: its directory under tmp/, and manifests that nobody committed. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readSlot } from './commit-slot.ts';
import { ensureDirectory, syncDirectory } from './durable-file.ts';
import { notesName } from './pack-notes.ts';
import { manifestPath, type Repository, runDirectory, skippedPath } from './repository.ts';
import { atRepository, errorCode } from './repository-failure.ts';
import { leaveRegister } from './writers.ts';

const keptAlways = ['staged', notesName];

/**
 * Makes a run's directory, or empties the one that an earlier attempt left, once `salvage` took from it what it can; its
 * marks of staged manifests stay, what it noted of its packs, and the names that `salvage` answers.
 */
export async function openRunDirectory(
  repository: Repository,
  run: string,
  salvage: (directory: string) => Promise<readonly string[]> = async () => [],
): Promise<string> {
  return atRepository(repository.path, async () => {
    const directory = runDirectory(repository, run);
    await ensureDirectory(directory);
    const kept = new Set([...keptAlways, ...(await salvage(directory))]);
    for (const name of await readdir(directory))
      if (!kept.has(name)) await rm(join(directory, name), { recursive: true, force: true });
    return directory;
  });
}

/**
 * Removes a run's temporary files, and the manifests that it staged, unless its slot names them. While the slot is not
 * decided they stay, with their marks: a commit may be about to name one. Chunks stay, for they are found again. May be
 * called twice. Answers how many manifests went.
 */
export async function discardRun(repository: Repository, run: string): Promise<{ manifestsRemoved: number }> {
  return atRepository(repository.path, async () => {
    const directory = runDirectory(repository, run);
    const staged = await namesIn(join(directory, 'staged'));
    const slot = await readSlot(repository, run);
    if (slot === undefined && staged.length > 0) {
      await openRunDirectory(repository, run);
      return { manifestsRemoved: 0 };
    }
    const committed = slot?.slot === 'manifest' ? slot.manifest : null;
    const refused = staged.filter(sha256 => sha256 !== committed && /^[0-9a-f]{64}$/.test(sha256));
    for (const sha256 of refused) {
      await rm(manifestPath(repository, sha256), { force: true });
      await rm(skippedPath(repository, sha256), { force: true });
    }
    await syncDirectory(join(repository.path, 'manifests'));
    await rm(directory, { recursive: true, force: true });
    if (slot !== undefined) await leaveRegister(repository, run);
    return { manifestsRemoved: refused.length };
  });
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
