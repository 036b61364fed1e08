/**
 * Condemned packs: renamed, so that no writer that registers from then on counts on them, and taken away only once every
 * writer that was registered by then has ended (sweep.ts). What is condemned at once has one generation, 16 random digits,
 * which stand in its names, and in `condemned/<generation>` the writers that it waits for.
 *
 * 1. Packs first, writers afterwards: so a record has every writer that may count on a pack of its generation.
 * 2. A record is written once all of its generation are renamed. A generation without one was cut short, or found no room
 *    for it: whoever finds such packs condemns them anew, with the writers of that moment.
 * 3. No generation comes twice, and nothing but a pack of the generation that was looked at is taken: so of two prunes
 *    none takes what the other has put back and condemned again.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failpoint } from '../core/failpoint.ts';
import { isId } from '../core/ids.ts';
import { readSlot } from './commit-slot.ts';
import { ensureDirectory, syncDirectory, writeSynced } from './durable-file.ts';
import { condemnedPath, type PackFile } from './pack-names.ts';
import { packPath, type Repository } from './repository.ts';
import { errorCode, isCorrupt, isFull } from './repository-failure.ts';
import { openSealedJson, sealJson } from './sealed-json.ts';
import { registeredWriters } from './writers.ts';

/** What a generation of condemned packs waits for. */
export interface Generation {
  id: string;
  /** Runs that were registered, and not decided. */
  writers: string[];
}

/** Condemns packs, anew where they are it already. Answers those for whose names there was no room, too. */
export async function condemn(
  repository: Repository,
  packs: readonly Pick<PackFile, 'id' | 'generation'>[],
): Promise<{ generation: Generation; left: string[] }> {
  const generation: Generation = { id: randomBytes(8).toString('hex'), writers: [] };
  const left: string[] = [];
  const directories = new Set<string>();
  for (const { id, generation: before } of packs) {
    const from = before === null ? packPath(repository, id) : condemnedPath(repository, id, before);
    try {
      await rename(from, condemnedPath(repository, id, generation.id));
      directories.add(dirname(from));
      failpoint('prune.pack-condemned');
    } catch (error) {
      if (isFull(error)) left.push(id);
      else if (errorCode(error) !== 'ENOENT') throw error; // else another prune has it
    }
  }
  for (const directory of directories) await syncDirectory(directory);
  generation.writers = await undecidedWriters(repository);
  if (directories.size > 0) await record(repository, generation);
  failpoint('prune.packs-condemned');
  return { generation, left };
}

/** Those of the register whose end is not decided: only these may still come to count as backups. */
export async function undecidedWriters(repository: Repository): Promise<string[]> {
  const undecided: string[] = [];
  for (const run of (await registeredWriters(repository)).filter(isId))
    if (!(await isDecided(repository, run))) undecided.push(run);
  return undecided;
}

/** The writers of each generation that has a record; undefined where that was cut short. */
export async function recordedWriters(repository: Repository): Promise<Map<string, string[] | undefined>> {
  const recorded = new Map<string, string[] | undefined>();
  for (const id of await recordNames(repository)) recorded.set(id, await writersOf(repository, id));
  return recorded;
}

/** Removes the records of generations of which no pack is left: none comes after its record. */
export async function forgetGenerations(repository: Repository, ids: Iterable<string>): Promise<void> {
  for (const id of ids) await rm(recordPath(repository, id), { force: true });
}

const recordPath = (repository: Repository, id: string): string => join(repository.path, 'condemned', id);

/** Where there is no room for it, the next prune condemns the packs anew. */
async function record(repository: Repository, { id, writers }: Generation): Promise<void> {
  const path = recordPath(repository, id);
  const content = sealJson({ generation: id, at: new Date().toISOString(), writers });
  try {
    if (await ensureDirectory(dirname(path))) await syncDirectory(repository.path);
    await writeSynced(path, content);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (!isFull(error)) throw error;
    await rm(path, { force: true });
  }
}

async function recordNames(repository: Repository): Promise<string[]> {
  try {
    return (await readdir(join(repository.path, 'condemned'))).filter(name => /^[0-9a-f]{16}$/.test(name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined where the record was cut short, or is gone. */
async function writersOf(repository: Repository, id: string): Promise<string[] | undefined> {
  try {
    const { generation, writers } = openSealedJson(await readFile(recordPath(repository, id), 'utf8'));
    const isSound = generation === id && Array.isArray(writers) && writers.every(run => typeof run === 'string');
    return isSound ? writers : undefined;
  } catch (error) {
    if (errorCode(error) === undefined || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isDecided(repository: Repository, run: string): Promise<boolean> {
  try {
    return (await readSlot(repository, run)) !== undefined;
  } catch (error) {
    if (isCorrupt(error)) return true;
    throw error;
  }
}
