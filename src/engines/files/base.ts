/**
 * The backup before this one, read beside the walk in the same order: what a file was then, and where its content is. A
 * file that has not changed since is not read again, as long as the repository still has all of its chunks.
 */
import type { BigIntStats } from 'node:fs';
import { listBackups } from '../../repository/backup-list.ts';
import type { BytePath } from '../../repository/byte-path.ts';
import type { ChunkSet } from '../../repository/chunk-set.ts';
import { microsecondsOf } from '../../repository/file-times.ts';
import type { Entry, ManifestHeader, ManifestLine, Piece } from '../../repository/manifest.ts';
import { checkManifest, readHeader, readManifest } from '../../repository/manifest-reader.ts';
import type { Repository } from '../../repository/repository.ts';
import { compareInWalk } from '../../repository/tree-order.ts';
import { markOf } from './unchanged.ts';

type FileEntry = Extract<Entry, { type: 'file' }>;
type Line = Exclude<ManifestLine, { type: 'footer' }>;

const linesAtOnce = 1_000;

/** The newest backup of the plan's source; undefined where there is none, or it is damaged: then all is read. */
export async function openBase(
  repository: Repository,
  of: { plan: string; source: string },
  known: ChunkSet,
  signal: AbortSignal,
): Promise<Base | undefined> {
  const { backups } = await listBackups(repository);
  const newest = backups.find(({ header }) => header?.plan === of.plan && header.source === of.source);
  return newest?.header ? openManifest(repository, newest.manifest, known, signal) : undefined;
}

/** A whole manifest; undefined where it is damaged. */
export async function openManifest(
  repository: Repository,
  manifest: string,
  known: ChunkSet,
  signal: AbortSignal,
): Promise<Base | undefined> {
  try {
    await checkManifest(repository, manifest, signal);
    return new Base(await readHeader(repository, manifest), readManifest(repository, manifest, signal), known);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

export class Base {
  /** Undefined of an attempt that did not come to its end. */
  readonly header: ManifestHeader | undefined;
  readonly #source: AsyncGenerator<Line>;
  readonly #known: ChunkSet;
  #lines: Line[] = [];
  #next = 0;
  #ended = false;

  constructor(header: ManifestHeader | undefined, source: AsyncGenerator<Line>, known: ChunkSet) {
    this.header = header;
    this.#source = source;
    this.#known = known;
  }

  /**
   * The content and the mark of the file at `path` where it is unchanged, else undefined. Paths are asked for in the
   * order of a walk. A promise only where more has to be read.
   */
  find(path: BytePath, stat: BigIntStats): Known | undefined | Promise<Known | undefined> {
    // A file's own line and all of its data must be there before it can be judged.
    while (this.#next < this.#lines.length) {
      const line = this.#lines[this.#next] as Line;
      if (!('path' in line) || compareInWalk(line.path, path) < 0) this.#next += 1;
      else if (line.path !== path) return undefined;
      else if (this.#isWhole()) return line.type === 'file' ? this.#judge(line, stat) : undefined;
      else break;
    }
    if (this.#ended) return undefined;
    return this.#fill().then(() => this.find(path, stat));
  }

  async close(): Promise<void> {
    await this.#source.return(undefined);
  }

  /** What stands at `#next` is followed by another entry, or is the last. */
  #isWhole(): boolean {
    if (this.#ended) return true;
    for (let at = this.#next + 1; at < this.#lines.length; at += 1)
      if ('path' in (this.#lines[at] as Line)) return true;
    return false;
  }

  #judge(line: FileEntry, stat: BigIntStats): Known | undefined {
    const { seen } = line;
    if (seen === undefined || seen !== markOf(stat)) return undefined;
    if (BigInt(line.size) !== stat.size || line.mtimeUs !== microsecondsOf(stat.mtimeNs)) return undefined;
    const content = [...line.content];
    let lacking = line.size;
    for (let at = this.#next + 1; at < this.#lines.length; at += 1) {
      const more = this.#lines[at] as Line;
      if (more.type !== 'data') break;
      for (const piece of more.content) content.push(piece);
    }
    // An attempt that was killed may have left but the first lines of a file.
    for (const [length] of content) lacking -= length;
    return lacking === 0 && content.every(piece => this.#has(piece)) ? { content, seen } : undefined;
  }

  #has([, sha256]: Piece): boolean {
    return sha256 === undefined || this.#known.has(Buffer.from(sha256, 'hex'));
  }

  async #fill(): Promise<void> {
    this.#lines = this.#lines.slice(this.#next);
    this.#next = 0;
    const wanted = this.#lines.length + linesAtOnce;
    while (this.#lines.length < wanted && !this.#ended) {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else this.#lines.push(value);
    }
  }
}

export interface Known {
  content: Piece[];
  seen: string;
}
