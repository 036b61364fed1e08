/**
 * The packs of a repository by the names of their files: `packs/ab/<id>`, and `packs/ab/<id>.condemned.<generation>` of
 * one that a prune condemned (prune.ts). A writer lists the first alone, so what is condemned is absent to it; a reader
 * reads both, for a writer that was there before may still have counted on it.
 */
import { openSync, readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packPath, type Repository } from './repository.ts';
import { errorCode } from './repository-failure.ts';

export interface PackFile {
  id: string;
  bytes: number;
  /** By which prune it was condemned; null where it was not. */
  generation: string | null;
}

const pattern = /^([0-9a-f]{32})(?:\.condemned\.([0-9a-f]{16}))?$/;

export function condemnedPath(repository: Repository, id: string, generation: string): string {
  return `${packPath(repository, id)}.condemned.${generation}`;
}

/** Which pack a file in packs/ is; undefined for any other file. */
export function packNamed(name: string): Omit<PackFile, 'bytes'> | undefined {
  const [, id, generation = null] = pattern.exec(name) ?? [];
  return id === undefined ? undefined : { id, generation };
}

/** Those that are not condemned, and the bytes of each file. */
export async function packSizes(repository: Repository): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { id, bytes, generation } of packFiles(repository)) if (generation === null) sizes.set(id, bytes);
  return sizes;
}

/**
 * The same with those that are condemned. It looks twice: one that is renamed while its directory is read may be passed
 * over by the first look.
 */
export async function allPackSizes(repository: Repository): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (let look = 0; look < 2; look += 1)
    for await (const { id, bytes } of packFiles(repository, each => !sizes.has(each))) sizes.set(id, bytes);
  return sizes;
}

export async function condemnedPacks(repository: Repository): Promise<(PackFile & { generation: string })[]> {
  const condemned: (PackFile & { generation: string })[] = [];
  for await (const { id, bytes, generation } of packFiles(repository))
    if (generation !== null) condemned.push({ id, bytes, generation });
  return condemned;
}

/** Opens a pack for reading, under whichever name it has. Throws the system's error. */
export function openPack(repository: Repository, id: string): number {
  for (let look = 0; ; look += 1) {
    try {
      return openSync(pathNow(repository, id, look), 'r');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || look === looksMax) throw error;
    }
  }
}

/** It may be renamed between two looks, once each way. */
const looksMax = 4;

function pathNow(repository: Repository, id: string, look: number): string {
  const path = packPath(repository, id);
  if (look % 2 === 0) return path;
  const name = readdirSync(dirname(path)).find(each => packNamed(each)?.id === id);
  return name === undefined ? path : join(dirname(path), name);
}

async function* packFiles(
  repository: Repository,
  isWanted: (id: string) => boolean = () => true,
): AsyncGenerator<PackFile> {
  const top = join(repository.path, 'packs');
  for (const directory of await readdir(top)) {
    for (const name of await readdir(join(top, directory)).catch(() => [])) {
      const named = packNamed(name);
      if (!named?.id.startsWith(directory) || !isWanted(named.id)) continue;
      const found = await stat(join(top, directory, name)).catch(() => undefined);
      if (found?.isFile()) yield { ...named, bytes: found.size };
    }
  }
}
