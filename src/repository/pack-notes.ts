/**
 * What runs that write at the same time tell each other: each notes the packs that it writes, a line each, in a list in its
 * own directory: `<id> whole` once all of it is in its draft, `<id> named` once it has its name, durably. They are hints:
 * whoever misses one stores again what is in that pack, and nothing else comes of it.
 */
import { appendFileSync, closeSync, constants, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from '../core/ids.ts';
import { fileMode } from './durable-file.ts';
import { readAt } from './read-at.ts';
import { type Repository, runDirectory } from './repository.ts';

/** The list's name in a run's directory. */
export const notesName = 'packs';

/** Symlinks are not followed, and a pipe is not waited for. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const readAtOnceBytes = 64 * 1024;

export interface PackNote {
  run: string;
  id: string;
  /** `whole` is not durable yet: nobody may count on it. */
  is: 'whole' | 'named';
}

export function notePack(repository: Repository, { run, id, is }: PackNote): void {
  try {
    appendFileSync(join(runDirectory(repository, run), notesName), `${id} ${is}\n`, { mode: fileMode });
  } catch {
    // A disk without room for a hint is no reason to fail.
  }
}

/** The packs that runs have noted. */
export function notedBy(repository: Repository, runs: readonly string[]): Set<string> {
  const noted = new Set<string>();
  for (const run of runs) {
    try {
      const list = { file: openSync(join(runDirectory(repository, run), notesName), flags), at: 0 };
      for (const { id } of notesIn(run, list)) noted.add(id);
      closeSync(list.file);
    } catch {
      // It has noted nothing yet.
    }
  }
  return noted;
}

/**
 * The other runs that write to a repository, as far as they have noted a pack. It asks the system at once and waits: the
 * pool that promises of files take their turn in is busy with packs that are being synced.
 */
export class OtherWriters {
  readonly #repository: Repository;
  readonly #run: string;
  /** Held open: a run that ends removes its list, and the last lines count, too. */
  readonly #lists = new Map<string, { file: number; at: number }>();

  constructor(repository: Repository, run: string) {
    this.#repository = repository;
    this.#run = run;
  }

  /** What they noted since the last look. */
  look(): PackNote[] {
    const runs = readdirSync(join(this.#repository.path, 'tmp')).filter(name => isId(name) && name !== this.#run);
    for (const run of runs) if (!this.#lists.has(run)) this.#open(run);
    const notes: PackNote[] = [];
    for (const [run, list] of this.#lists) {
      notes.push(...notesIn(run, list));
      if (runs.includes(run)) continue;
      this.#lists.delete(run);
      closeSync(list.file);
    }
    return notes;
  }

  close(): void {
    for (const { file } of this.#lists.values()) closeSync(file);
    this.#lists.clear();
  }

  #open(run: string): void {
    try {
      this.#lists.set(run, { file: openSync(join(runDirectory(this.#repository, run), notesName), flags), at: 0 });
    } catch {
      // It has noted nothing yet.
    }
  }
}

/** Those behind the last that were read. */
function* notesIn(run: string, list: { file: number; at: number }): Generator<PackNote> {
  for (const line of newLines(list)) {
    const [, id, is] = /^([0-9a-f]{32}) (whole|named)$/.exec(line) ?? [];
    if (id !== undefined) yield { run, id, is: is as PackNote['is'] };
  }
}

function newLines(list: { file: number; at: number }): string[] {
  const lines: string[] = [];
  for (;;) {
    const bytes = readAt(list.file, Buffer.alloc(readAtOnceBytes), list.at);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole === 0) return lines;
    list.at += whole;
    lines.push(...bytes.toString('latin1', 0, whole).split('\n'));
  }
}
