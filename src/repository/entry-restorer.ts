/**
 * Makes everything but files below a directory, in the order of a manifest.
 *
 * 1. Whatever it makes it makes exclusively, below directories that it made itself; it follows no symlink. TreeOrder
 *    holds that no entry stands below one.
 * 2. A directory gets its mode and its time once everything is in it.
 */
import { chmodSync, lchownSync, linkSync, lstatSync, lutimesSync, mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { type BytePath, bytesOf, under } from './byte-path.ts';
import { utimeOf } from './file-times.ts';
import type { Entry } from './manifest.ts';
import { giveOwner, modeFor } from './owners.ts';
import { errorCode } from './repository-failure.ts';

type Of<Type extends Entry['type']> = Extract<Entry, { type: Type }>;

export class EntryRestorer {
  readonly #root: BytePath;
  readonly #repeated: boolean;

  /** With `repeated`, what an earlier try left under an entry's name is replaced, and a directory used. */
  constructor(root: BytePath, repeated: boolean) {
    this.#root = root;
    this.#repeated = repeated;
  }

  directory(entry: Of<'directory'>): void {
    if (entry.path !== '') this.#makeDirectory(entry.path);
  }

  symlink(entry: Of<'symlink'>): void {
    this.#make(entry.path, path => symlinkSync(bytesOf(entry.target), path));
    const path = under(this.#root, entry.path);
    giveOwner(() => lchownSync(path, entry.uid, entry.gid));
    lutimesSync(path, utimeOf(entry.mtimeUs), utimeOf(entry.mtimeUs));
  }

  /** Makes `path` another name of the file at `first`, which stands already. */
  link(path: BytePath, first: BytePath): void {
    this.#make(path, at => linkSync(under(this.#root, first), at));
  }

  /** Gives a directory its owner, its mode and its time (2). */
  endDirectory(entry: Of<'directory'>): void {
    const { uid, gid, mtimeUs } = entry;
    const path = under(this.#root, entry.path);
    giveOwner(() => lchownSync(path, uid, gid));
    chmodSync(
      path,
      modeFor(entry, () => lstatSync(path)),
    );
    lutimesSync(path, utimeOf(mtimeUs), utimeOf(mtimeUs));
  }

  #make(path: BytePath, create: (at: Buffer) => void): void {
    const at = under(this.#root, path);
    try {
      create(at);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !this.#repeated) throw error;
      unlinkSync(at);
      create(at);
    }
  }

  #makeDirectory(path: BytePath): void {
    const at = under(this.#root, path);
    try {
      mkdirSync(at, { mode: 0o700 });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !this.#repeated || !lstatSync(at).isDirectory()) throw error;
      // An earlier try may have given it a mode that keeps its own owner out.
      chmodSync(at, 0o700);
    }
  }
}
