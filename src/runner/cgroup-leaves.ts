/**
 * The control groups of one start: a leaf of version 2, whose processes the kernel kills and counts for certain, and a
 * leaf of each hierarchy that has to limit something or to tell who was killed for memory. The engine goes into them by
 * itself before it is one; its runner stays outside. `leaves` in the run's directory names them before they are made.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CgroupPlace, cgroupPlaces, isDone } from './cgroup-places.ts';
import { writeWhole } from './synced-file.ts';

export interface EngineLimits {
  /** Most memory of the engine and all that it starts; the kernel kills what asks for more. */
  memoryBytes?: number;
  /** Most processors' time, such as 0.5. */
  cpus?: number;
}

const fileName = 'leaves';
const periodUs = 100_000;

/** Makes the leaves of a start where any can be made; answers which of the limits hold nowhere. */
export async function makeLeaves(
  directory: string,
  start: string,
  limits: EngineLimits,
): Promise<(keyof EngineLimits)[]> {
  const wanted = cgroupPlaces().filter(place => place.version === 2 || isNeeded(place, limits));
  const leaves = wanted.map(place => ({
    place,
    path: join(place.path, `${basename(directory)}-${start.slice(0, 8)}`),
  }));
  if (leaves.length > 0) await write(directory, leaves);
  const made = leaves.filter(({ path }) => isDone(() => mkdirSync(path)));
  if (made.length < leaves.length) await write(directory, made);
  const limited = new Set(made.flatMap(({ place, path }) => limit(place, path, limits)));
  return (['memoryBytes', 'cpus'] as const).filter(name => limits[name] !== undefined && !limited.has(name));
}

async function write(directory: string, leaves: readonly { path: string }[]): Promise<void> {
  await writeWhole(directory, fileName, leaves.map(({ path }) => `${path}\n`).join(''));
}

/** A hierarchy of version 1: memory also where it is not limited, for it tells who was killed for it. */
function isNeeded({ controllers }: CgroupPlace, { cpus }: EngineLimits): boolean {
  return controllers.includes('memory') || cpus !== undefined;
}

/** Limits what it can in one leaf; answers what it did. */
function limit(place: CgroupPlace, leaf: string, { memoryBytes, cpus }: EngineLimits): (keyof EngineLimits)[] {
  const put = (name: string, value: number | string) => isDone(() => writeFileSync(join(leaf, name), String(value)));
  const isOld = place.version === 1;
  const done: (keyof EngineLimits)[] = [];
  if (memoryBytes !== undefined && place.controllers.includes('memory')) {
    if (put(isOld ? 'memory.limit_in_bytes' : 'memory.max', memoryBytes)) done.push('memoryBytes');
    // Swap is no way around it, where it is counted.
    put(isOld ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max', isOld ? memoryBytes : 0);
  }
  if (cpus !== undefined && place.controllers.includes('cpu')) {
    const quotaUs = Math.max(1_000, Math.round(cpus * periodUs));
    const isPut = isOld
      ? put('cpu.cfs_period_us', periodUs) && put('cpu.cfs_quota_us', quotaUs)
      : put('cpu.max', `${quotaUs} ${periodUs}`);
    if (isPut) done.push('cpus');
  }
  return done;
}

/** The leaves that a run's directory names; some may be gone. */
export class Leaves {
  readonly #paths: readonly string[];

  constructor(directory: string) {
    this.#paths = linesOf(join(directory, fileName));
  }

  /** Who is in them, groups that were made below them included. */
  pids(): Set<number> {
    return new Set(this.#paths.flatMap(pidsBelow));
  }

  /** Kills everybody in them, as far as the kernel does so by itself. */
  kill(): void {
    for (const path of this.#paths) {
      const file = join(path, 'cgroup.kill');
      if (existsSync(file)) isDone(() => writeFileSync(file, '1'));
    }
  }

  /** Removes those that are empty. */
  remove(): void {
    for (const path of this.#paths) removeTree(path);
  }
}

function pidsBelow(path: string): number[] {
  const pids = linesOf(join(path, 'cgroup.procs')).map(Number);
  return [...pids, ...groupsIn(path).flatMap(pidsBelow)];
}

function removeTree(path: string): void {
  for (const group of groupsIn(path)) removeTree(group);
  isDone(() => rmdirSync(path));
}

function groupsIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap(each =>
      each.isDirectory() ? [join(path, each.name)] : [],
    );
  } catch {
    return []; // it is gone
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return [];
    throw error;
  }
}
