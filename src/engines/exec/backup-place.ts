/**
 * Where a repository of type `directory` keeps a backup:
 *
 *   <path>/<plan>/<run>/        what the command wrote
 *   <path>/<plan>/<run>.files   its listing, with the hash of each file
 *   <path>/<plan>/<run>.slot    its commit slot: the backup exists only once this says so
 */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isId, isName } from '../../core/ids.ts';
import { atRepository, errorCode } from '../../repository/repository-failure.ts';
import { readSlotFile, type SlotFile } from '../../repository/slot-file.ts';

export interface BackupPlace {
  repository: string;
  output: string;
  listing: string;
  slot: SlotFile;
}

/** Names the place, whether it is there or not. Throws for what is no name of a plan or no run id. */
export function placeOf(repository: string, plan: string, run: string): BackupPlace {
  if (!isName(plan) || !isId(run)) throw new Error(`not a plan and a run: ${JSON.stringify([plan, run])}`);
  const directory = join(repository, plan);
  return {
    repository,
    output: join(directory, run),
    listing: join(directory, `${run}.files`),
    slot: {
      run,
      path: join(directory, `${run}.slot`),
      drafts: directory,
      // No id has a dot, so no other run's drafts begin like this.
      draftPrefix: `.${run}.`,
      isManifest: manifest => manifest === run,
    },
  };
}

/** The ids of runs that have an output or a listing in a repository, and no slot that names it as a backup. */
export async function undecidedIn(repository: string): Promise<string[]> {
  const found: string[] = [];
  for (const plan of (await readdir(repository)).filter(isName)) {
    const names = await readdir(join(repository, plan)).catch((): string[] => []);
    const runs = new Set(names.map(name => name.split('.', 1)[0] ?? '').filter(isId));
    for (const run of runs) {
      if (!names.includes(run) && !names.includes(`${run}.files`)) continue;
      const slot = await readSlotFile(placeOf(repository, plan, run).slot);
      if (slot?.slot !== 'manifest') found.push(run);
    }
  }
  return found.sort();
}

/** Others may pass, for the command may run as another user, and see nothing. */
const passableMode = 0o711;

/** Makes the directory of the plan; the one above the repository must be there, for its disk may not be mounted. */
export async function makePlanDirectory({ repository, output }: BackupPlace): Promise<void> {
  await atRepository(repository, async () => {
    for (const path of [repository, dirname(output)])
      await mkdir(path, { mode: passableMode }).catch(error => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
  });
}
