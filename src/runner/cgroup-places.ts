/**
 * Where this process may make control groups: one place a hierarchy, below its own group or beside it. Linux has one
 * hierarchy for everything (version 2), or one a controller (version 1), or both at once (hybrid).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Controller = 'memory' | 'cpu';

export interface CgroupPlace {
  version: 1 | 2;
  /** The directory that leaves are made in. */
  path: string;
  /** What can be limited here. */
  controllers: readonly Controller[];
}

interface Hierarchy {
  version: 1 | 2;
  /** Of version 1. */
  controllers: readonly string[];
  /** The group of this process. */
  own: string;
}

const ours = 'reeve';

/** The places, that of version 2 first; none where no group may be made. */
export function cgroupPlaces(): CgroupPlace[] {
  if (process.platform !== 'linux') return [];
  return hierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8')).flatMap(
    hierarchy => placeIn(hierarchy) ?? [],
  );
}

/** The hierarchies that help: that of version 2, and those of version 1 that limit memory or processors. */
export function hierarchies(mountinfo: string, cgroup: string): Hierarchy[] {
  const found = mountinfo.split('\n').flatMap((line): Hierarchy[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', mount = ''] = before.split(' ').map(unescaped);
    const [type, , options = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    const controllers = type === 'cgroup2' ? [] : options.split(',');
    if (type === 'cgroup' && !controllers.some(isOurs)) return [];
    const group = groupIn(cgroup, controllers);
    const own = group === undefined ? undefined : below(mount, root, group);
    return own === undefined ? [] : [{ version: type === 'cgroup2' ? 2 : 1, controllers, own }];
  });
  return found.sort((one, other) => other.version - one.version);
}

/** The group of this process in the hierarchy with these controllers; that of version 2 has none in this file. */
function groupIn(cgroup: string, controllers: readonly string[]): string | undefined {
  for (const line of cgroup.split('\n')) {
    const [, names = '', ...group] = line.split(':');
    const isIt =
      controllers.length === 0 ? line.startsWith('0::') : names.split(',').some(each => controllers.includes(each));
    if (isIt && group.length > 0) return group.join(':');
  }
  return undefined;
}

/** Undefined where the group lies outside of what is mounted, as a container may see it. */
function below(mount: string, root: string, group: string): string | undefined {
  if (group.startsWith('/..')) return undefined;
  if (root === '/') return join(mount, group);
  return group === root || group.startsWith(`${root}/`) ? join(mount, group.slice(root.length)) : undefined;
}

/**
 * Below our own group where that can limit something, or else beside it where others have made that possible: a group
 * that has processes cannot have its controllers limit groups below it.
 */
function placeIn(hierarchy: Hierarchy): CgroupPlace | undefined {
  const below = placeUnder(hierarchy.own, hierarchy, true);
  if (below && below.controllers.length > 0) return below;
  const beside = placeUnder(dirname(hierarchy.own), hierarchy, false);
  return beside && beside.controllers.length > 0 ? beside : below;
}

/** What is no group, or above what is mounted, has no `cgroup.procs`. */
function placeUnder(parent: string, { version, controllers }: Hierarchy, isOwn: boolean): CgroupPlace | undefined {
  if (!existsSync(join(parent, 'cgroup.procs'))) return undefined;
  const path = join(parent, ours);
  if (version === 2 && isOwn) ask(parent);
  if (version === 2 && !isOwn && enabledIn(parent).length === 0) return undefined;
  if (!isDone(() => mkdirSync(path, { recursive: true }))) return undefined;
  if (version === 1) return { version, path, controllers: controllers.filter(isOurs) };
  ask(path);
  return { version, path, controllers: enabledIn(path) };
}

/** Asks that a group's controllers limit the groups below it, each for itself. */
function ask(group: string): void {
  for (const controller of ['memory', 'cpu'])
    isDone(() => writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`));
}

function enabledIn(group: string): Controller[] {
  return readFileSync(join(group, 'cgroup.subtree_control'), 'utf8').split(/\s+/).filter(isOurs);
}

function isOurs(name: string): name is Controller {
  return name === 'memory' || name === 'cpu';
}

/** Spaces and the like are written as three octal digits there. */
function unescaped(field: string): string {
  return field.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** False where the kernel or its owner does not allow it. */
export function isDone(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
