/**
 * Files that are to be read together, in the order of the walk, and the entries that were found between them, which wait
 * until the files before them are written. It keeps no more of a file than is needed: many batches wait at once.
 */
import type { BytePath } from '../../repository/byte-path.ts';
import type { FilesRead, FilesToRead } from './read-messages.ts';
import type { Found } from './source-walk.ts';

/** A batch is handed over once it is this large. */
const bytesMax = 4 * 1024 * 1024;
const filesMax = 256;
const entriesMax = 1_024;

export class ReadBatch<Entry> {
  readonly paths: BytePath[] = [];
  /** How many of the files come before each. */
  readonly between: { after: number; entry: Entry }[] = [];
  bytes = 0;
  /** What became of the files, once they are handed over. */
  read: Promise<FilesRead> | undefined;
  readonly #identities: bigint[] = [];
  readonly #groups: number[] = [];

  /** Files and entries. */
  get length(): number {
    return this.paths.length + this.between.length;
  }

  /** Something waits that need not wait for more. */
  get isFull(): boolean {
    return this.bytes >= bytesMax || this.paths.length >= filesMax || this.between.length >= entriesMax;
  }

  /** `group` is that of its hard links; 0 where it has none. */
  addFile({ path, stat }: Found, group: number): void {
    this.paths.push(path);
    this.#identities.push(stat.dev, stat.ino);
    this.#groups.push(group);
    this.bytes += Number(stat.size);
  }

  addEntry(entry: Entry): void {
    this.between.push({ after: this.paths.length, entry });
  }

  groupOf(place: number): number {
    return this.#groups[place] as number;
  }

  get files(): FilesToRead {
    return { paths: this.paths, identities: BigInt64Array.from(this.#identities), groups: this.#groups };
  }
}
