/**
 * The backup before this one, read beside the walk in the same order: what a file was then, and where its content is. A
 * file that has not changed since is not read again, as long as the repository still has all of its chunks.
 */
import type { BigIntStats } from 'node:fs';
import { listBackups } from '../../repository/backup-list.ts';
import type { BytePath } from '../../repository/byte-path.ts';
import type { ChunkSet } from '../../repository/chunk-set.ts';
import { microsecondsOf } from '../../repository/file-times.ts';
import type { Entry, ManifestHeader, Piece } from '../../repository/manifest.ts';
import { type BodyLine, checkManifest, readHeader, readManifestBlocks } from '../../repository/manifest-reader.ts';
import { PlainFileLine } from '../../repository/plain-file-line.ts';
import { manifestPath, type Repository } from '../../repository/repository.ts';
import { isThere } from '../../repository/skipped-check.ts';
import { compareInWalk } from '../../repository/tree-order.ts';
import { markOf } from './unchanged.ts';

type FileEntry = Extract<Entry, { type: 'file' }>;
type Line = BodyLine | PlainFileLine;

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
    const header = await readHeader(repository, manifest);
    const isGone = async () => !(await isThere(manifestPath(repository, manifest)));
    return new Base(header, readManifestBlocks(repository, manifest, signal), known, isGone);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

export class Base {
  /** Undefined of an attempt that did not come to its end. */
  readonly header: ManifestHeader | undefined;
  readonly #source: AsyncGenerator<Iterable<Line>>;
  readonly #known: ChunkSet;
  readonly #isGone: () => Promise<boolean>;
  #lines: Line[] = [];
  #next = 0;
  #ended = false;

  /** `isGone` says whether what it reads was removed meanwhile: then the rest is read from the source. */
  constructor(
    header: ManifestHeader | undefined,
    source: AsyncGenerator<Iterable<Line>>,
    known: ChunkSet,
    isGone: () => Promise<boolean> = async () => false,
  ) {
    this.header = header;
    this.#source = source;
    this.#known = known;
    this.#isGone = isGone;
  }

  /**
   * What is known of the file at `path` where it is unchanged, else undefined. Paths are asked for in the order of a walk.
   * A promise only where more has to be read.
   */
  find(path: BytePath, stat: BigIntStats): Known | undefined | Promise<Known | undefined> {
    // A file's own line and all of its data must be there before it can be judged.
    while (this.#next < this.#lines.length) {
      const line = this.#lines[this.#next] as Line;
      if ('path' in line && line.path === path) {
        if (line instanceof PlainFileLine) return this.#judgePlain(line, stat);
        if (!this.#isWhole()) break;
        return line.type === 'file' ? this.#judge(line, stat) : undefined;
      }
      if ('path' in line && compareInWalk(line.path, path) > 0) return undefined;
      this.#next += 1;
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

  #judgePlain(line: PlainFileLine, stat: BigIntStats): Known | undefined {
    if (!isSame(line, stat) || !line.everyChunk((bytes, at) => this.#known.hasHex(bytes, at))) return undefined;
    return line;
  }

  #judge(line: FileEntry, stat: BigIntStats): Known | undefined {
    const { seen } = line;
    if (seen === undefined || !isSame(line, stat)) return undefined;
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
    try {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else for (const line of value) this.#lines.push(line);
    } catch (error) {
      if (!(await this.#isGone())) throw error;
      this.#ended = true;
    }
  }
}

/** A file that is not read again: its line where it may be written again as it is, else what it is made of. */
export type Known = PlainFileLine | { content: Piece[]; seen: string };

function isSame({ size, seen, mtimeUs }: Omit<FileEntry, 'content'> | PlainFileLine, stat: BigIntStats): boolean {
  return seen === markOf(stat) && size === Number(stat.size) && mtimeUs === microsecondsOf(stat.mtimeNs);
}
