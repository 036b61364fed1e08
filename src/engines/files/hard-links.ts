/** Knows which names of a source are one file: a group each, remembered until the last of its names has come by. */
import type { BigIntStats } from 'node:fs';

export class HardLinks {
  readonly #groups = new Map<string, { group: number; namesLeft: number }>();
  #count = 0;

  /** The group of a file that came by before, or undefined. */
  known(stat: BigIntStats): number | undefined {
    const key = keyOf(stat);
    const seen = this.#groups.get(key);
    if (!seen) return undefined;
    seen.namesLeft -= 1;
    if (seen.namesLeft === 0) this.#groups.delete(key);
    return seen.group;
  }

  /** Gives a file its group, once its first name is in the manifest; undefined where it has only that name. */
  begin(stat: BigIntStats): number | undefined {
    if (stat.nlink < 2n) return undefined;
    this.#count += 1;
    this.#groups.set(keyOf(stat), { group: this.#count, namesLeft: Number(stat.nlink) - 1 });
    return this.#count;
  }
}

function keyOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}
