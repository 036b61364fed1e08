/**
 * The names of the snapshots that runs of this agent left in a server on purpose, as empty files in the agent's data. A
 * run's own directory goes with the run; without this another run, whose request for a snapshot was lost at that very
 * moment, would take the one that was kept for its own, and delete it.
 */
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineScope } from '../engine.ts';

/** Longer than any run can be suspended between its request for a snapshot and its look for what came of it. */
const rememberedMs = 90 * 86_400_000;

type OfAgent = Pick<EngineScope['config'], 'data'>;

/** Resolves once the name is on disk. May be called twice. */
export async function rememberKept(config: OfAgent, name: string): Promise<void> {
  const directory = directoryOf(config);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await open(join(directory, name), 'w', 0o600);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await forgetOld(directory);
}

/** May be called twice. */
export async function forgetKept(config: OfAgent, name: string): Promise<void> {
  await rm(join(directoryOf(config), name), { force: true });
}

export async function keptNames(config: OfAgent): Promise<Set<string>> {
  return new Set(await namesIn(directoryOf(config)));
}

async function forgetOld(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs < Date.now() - rememberedMs) await rm(path, { force: true });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function directoryOf({ data }: OfAgent): string {
  return join(data, 'kept-snapshots');
}
