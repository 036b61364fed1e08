/**
 * Knows which names of a source are one file: a group each, remembered until the last of its names has come by. A name
 * counts as the same file only while its times and size are the same: an inode that was freed and given to another file
 * must not pass for the first, and a file that was written to since is read again, at the price of the link.
 */
import type { BigIntStats } from 'node:fs';

interface Group {
  number: number;
  namesLeft: number;
  first: BigIntStats;
}

export class HardLinks {
  readonly #groups = new Map<string, Group>();
  #count = 0;

  /** The group of a file that came by before, or undefined. */
  known(stat: BigIntStats): number | undefined {
    if (stat.nlink < 2n || !stat.isFile()) return undefined;
    const key = keyOf(stat);
    const group = this.#groups.get(key);
    if (!group || !isUnchanged(group.first, stat)) return undefined;
    group.namesLeft -= 1;
    if (group.namesLeft === 0) this.#groups.delete(key);
    return group.number;
  }

  /** Gives a file its group, once its first name is in the manifest; undefined where it has only that name. */
  begin(stat: BigIntStats): number | undefined {
    if (stat.nlink < 2n) return undefined;
    this.#count += 1;
    this.#groups.set(keyOf(stat), { number: this.#count, namesLeft: Number(stat.nlink) - 1, first: stat });
    return this.#count;
  }
}

function isUnchanged(first: BigIntStats, now: BigIntStats): boolean {
  return first.size === now.size && first.mtimeNs === now.mtimeNs && first.birthtimeNs === now.birthtimeNs;
}

function keyOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}
