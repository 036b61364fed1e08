/**
 * Restores the entries of a manifest in their order. Directories and symlinks are made here, files handed out; hard links
 * and the attributes of directories wait for the files before them.
 */
import { type BytePath, parentOf, printablePath } from './byte-path.ts';
import { EntryRestorer } from './entry-restorer.ts';
import type { FileHandout } from './file-handout.ts';
import type { Entry, ManifestLine } from './manifest.ts';
import { corrupt } from './repository-failure.ts';
import type { Selection } from './restore-selection.ts';

const omittedFirst = 20;

type Of<Type extends Entry['type']> = Extract<Entry, { type: Type }>;
export type Line = Exclude<ManifestLine, { type: 'footer' }>;

/** A file whose first name is not wanted, until a wanted one comes. */
interface Orphan {
  entry: Of<'file'>;
  /** It has further lines of pieces, which are not kept. */
  isLong: boolean;
}

export class TreeRestorer {
  files = 0;
  directories = 0;
  /** Sockets, pipes and device nodes. */
  readonly omitted: { count: number; first: string[] } = { count: 0, first: [] };
  readonly #entries: EntryRestorer;
  readonly #handout: FileHandout;
  readonly #selection: Selection;
  readonly #reread: () => AsyncIterable<Line>;
  /** Where each hard link group's first restored name is. */
  readonly #firstNames = new Map<number, BytePath>();
  readonly #orphans = new Map<number, Orphan>();
  #orphan: Orphan | undefined;
  /** Directories above the current entry that nobody asked for by name: made only when something in them is. */
  #waiting: Of<'directory'>[] = [];
  /** Directories above the current entry that are made. */
  readonly #open: Of<'directory'>[] = [];
  /** Directories that nobody but root can look into once they have their mode: a link to what is in them may still come. */
  readonly #closed: Of<'directory'>[] = [];

  /** `reread` begins the same lines anew. */
  constructor(
    target: { root: BytePath; repeated: boolean },
    handout: FileHandout,
    selection: Selection,
    reread: () => AsyncIterable<Line>,
  ) {
    this.#entries = new EntryRestorer(target.root, target.repeated);
    this.#handout = handout;
    this.#selection = selection;
    this.#reread = reread;
  }

  /** Answers a promise where the manifest has to be read again for the line. */
  next(line: Line): Promise<void> | undefined {
    if (line.type === 'data') {
      if (this.#orphan) this.#orphan.isLong = true;
      else this.#handout.add(line.content);
      return undefined;
    }
    this.#handout.endFile();
    this.#orphan = undefined;
    this.#leave(line.path);
    if (this.#selection.includes(line)) return this.#restore(line);
    if (line.type === 'directory') this.#waiting.push(line);
    else if (line.type === 'file' && line.group !== undefined && this.#selection.orphans.has(line.group)) {
      this.#orphan = { entry: line, isLong: false };
      this.#orphans.set(line.group, this.#orphan);
    }
    return undefined;
  }

  /**
   * Resolves once all is written and all directories are ended. `complete` changes the time of the outermost, which is
   * ended before and after it: a kill between leaves nothing wrong but that time.
   */
  async finish(complete: () => Promise<void>): Promise<void> {
    this.#handout.endFile();
    const source = this.#open[0]?.path === '' ? this.#open.shift() : undefined;
    this.#leave('');
    await this.#handout.finish();
    for (const directory of this.#closed) this.#entries.endDirectory(directory);
    if (source) this.#entries.endDirectory(source);
    await complete();
    if (source) this.#entries.endDirectory(source);
  }

  /** Leaves the directories that `path` is not in. */
  #leave(path: BytePath): void {
    while (this.#waiting.length > 0 && !isBelow(path, this.#waiting.at(-1)?.path ?? '')) this.#waiting.pop();
    for (let last = this.#open.at(-1); last && !isBelow(path, last.path); last = this.#open.at(-1)) {
      this.#open.pop();
      this.#end(last);
    }
  }

  #end(directory: Of<'directory'>): void {
    if ((directory.mode & 0o100) === 0) this.#closed.push(directory);
    else this.#handout.later(() => this.#entries.endDirectory(directory));
  }

  #restore(entry: Entry): Promise<void> | undefined {
    for (const directory of this.#waiting.splice(0)) this.#makeDirectory(directory);
    if (entry.type === 'directory') {
      this.directories += 1;
      this.#makeDirectory(entry);
      return undefined;
    }
    this.files += 1;
    if (entry.type === 'link') return this.#link(entry);
    if (entry.type === 'file') this.#begin(entry.path, entry);
    else if (entry.type === 'symlink') this.#entries.symlink(entry);
    else {
      this.omitted.count += 1;
      if (this.omitted.first.length < omittedFirst) this.omitted.first.push(printablePath(entry.path));
    }
    return undefined;
  }

  #makeDirectory(entry: Of<'directory'>): void {
    this.#entries.directory(entry);
    this.#open.push(entry);
  }

  #begin(path: BytePath, entry: Of<'file'>): void {
    if (entry.group !== undefined) this.#firstNames.set(entry.group, path);
    this.#handout.begin(path, entry);
  }

  #link({ path, group }: Of<'link'>): Promise<void> | undefined {
    const first = this.#firstNames.get(group);
    if (first !== undefined) {
      this.#handout.later(() => this.#entries.link(path, first));
      return undefined;
    }
    const orphan = this.#orphans.get(group);
    if (!orphan) throw corrupt(`the content of ${printablePath(path)} is not in the manifest`);
    this.#orphans.delete(group);
    this.#begin(path, orphan.entry);
    return orphan.isLong ? this.#addData(group) : undefined;
  }

  /** Hands out the further pieces of the file with that group. */
  async #addData(group: number): Promise<void> {
    let isHere = false;
    for await (const line of this.#reread()) {
      if (line.type !== 'data' && isHere) return;
      if (line.type === 'file') isHere = line.group === group;
      else if (line.type === 'data' && isHere) this.#handout.add(line.content);
      if (this.#handout.isFull) await this.#handout.room();
    }
  }
}

function isBelow(path: BytePath, directory: BytePath): boolean {
  return directory === '' || parentOf(path) === directory || path.startsWith(`${directory}/`);
}
