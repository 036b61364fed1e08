/** What `reeve check` looks at for every engine: the source, the repository's place and its room. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sourcePathOf } from '../domain/engine-config.ts';
import { repositoryPathOf } from '../domain/repository-config.ts';
import type { Check, EngineScope } from './engine.ts';
import { freeBytesAt } from './free-bytes.ts';

export async function checkPlaces(scope: Pick<EngineScope, 'run' | 'repository'>): Promise<Check[]> {
  const source = sourcePathOf(scope.run.document.engine);
  const place = repositoryPathOf(scope.repository);
  return [
    ...(source === undefined ? [] : [await checkSource(source)]),
    ...(place === undefined ? [] : [await checkWritable(place), await checkRoom(place, scope.repository.minFreeBytes)]),
  ];
}

async function checkSource(path: string): Promise<Check> {
  const name = 'source';
  try {
    await access(path, constants.R_OK);
    return { name, ok: true, message: `${path} can be read`, hint: '' };
  } catch (error) {
    return {
      name,
      ok: false,
      message: `${path} cannot be read: ${codeOf(error)}`,
      hint: 'mount it, or let the agent read it',
    };
  }
}

async function checkWritable(path: string): Promise<Check> {
  const name = 'repository';
  const there = await stat(path).then(
    () => path,
    () => dirname(path),
  );
  try {
    await access(there, constants.W_OK);
    return { name, ok: true, message: `${there} can be written`, hint: '' };
  } catch (error) {
    return {
      name,
      ok: false,
      message: `${there} cannot be written: ${codeOf(error)}`,
      hint: 'mount it, or let the agent write it',
    };
  }
}

async function checkRoom(path: string, minFreeBytes: number): Promise<Check> {
  const name = 'space';
  const freeBytes = await freeBytesAt(path);
  if (freeBytes === undefined) return { name, ok: false, message: `${path} is not there`, hint: 'mount it' };
  const free = `${Math.floor(freeBytes / 2 ** 20)} MiB free at ${path}`;
  if (freeBytes >= minFreeBytes) return { name, ok: true, message: free, hint: '' };
  return { name, ok: false, message: `only ${free}`, hint: 'make room, or lower minFree of the repository' };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
