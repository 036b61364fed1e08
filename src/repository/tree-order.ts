/**
 * The order that a manifest's entries keep, which is also what makes a restore safe:
 *
 * 1. An entry's parent is the source, or a directory entry that was opened before it and not left since.
 * 2. Names in one directory strictly ascend by their bytes, so no path stands twice.
 *
 * So nothing is ever written below a symlink, or over something that the restore made.
 */
import { type BytePath, nameOf, parentOf } from './byte-path.ts';

export class TreeOrder {
  readonly #open: { path: BytePath; last: string }[] = [{ path: '', last: '' }];
  #begun = false;

  /** Admits the next entry, or throws an Error that says how it breaks the order. */
  admit(path: BytePath, isDirectory: boolean): void {
    const first = !this.#begun;
    this.#begun = true;
    if (path === '') {
      if (first) return;
      throw new Error('the source itself stands after its first entry');
    }
    const parent = parentOf(path);
    while (this.#open.length > 1 && this.#open.at(-1)?.path !== parent) this.#open.pop();
    const directory = this.#open.at(-1);
    if (directory?.path !== parent) throw new Error('its parent is not an open directory');
    const name = nameOf(path);
    if (name <= directory.last) throw new Error('its name does not come after the one before it');
    directory.last = name;
    if (isDirectory) this.#open.push({ path, last: '' });
  }
}

/** Which of two paths comes first in a walk: negative where `one` does. By components, for `/` sorts above some bytes. */
export function compareInWalk(one: BytePath, other: BytePath): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (a !== b) return (a === slash ? -1 : a) - (b === slash ? -1 : b);
  }
  return one.length - other.length;
}

const slash = 0x2f;
