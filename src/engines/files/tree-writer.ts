/**
 * Makes manifest lines of what a walk finds, in its order, while many files are being read: an entry waits in line until
 * those before it are written. Files that are known from the last backup are not read.
 */
import { type BigIntStats, readlinkSync } from 'node:fs';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, bytePathOf, under } from '../../repository/byte-path.ts';
import { type Entry, type Piece, piecesPerLine } from '../../repository/manifest.ts';
import type { ManifestWriter } from '../../repository/manifest-writer.ts';
import type { Base, Known } from './base.ts';
import { attributesOf, isSparse } from './file-reader.ts';
import { HardLinks } from './hard-links.ts';
import type { ProgressMeter } from './progress-meter.ts';
import type { FileRead, ReadResult } from './read-messages.ts';
import type { ReadPool } from './read-pool.ts';
import { type Found, skipOf } from './source-walk.ts';

export interface TreeWriterOptions {
  root: BytePath;
  pool: ReadPool;
  base: Pick<Base, 'find'> | undefined;
  manifest: ManifestWriter;
  leaveOut: (path: BytePath, why: SkippedFile['why'], code: string) => void;
  meter: ProgressMeter;
}

/** Entries that may wait in line: enough to keep the threads busy past one large file. */
const waitingMax = 4_096;
/** Bytes of files that may wait to be read: a walk runs far ahead of its readers. */
const waitingBytesMax = 256 * 1024 * 1024;

interface Waiting {
  found: Found;
  /** What it is to be written as, or the file that is being read for it. */
  entry: Entry | Promise<ReadResult>;
  /** Of a file with other names. */
  group: number | undefined;
  /** Bytes that are to be read for it. */
  bytes: number;
}

export class TreeWriter {
  /** Bytes of files that were not read, because they are known. */
  bytesKnown = 0;
  readonly #options: TreeWriterOptions;
  readonly #links = new HardLinks();
  /** Groups whose first name is in the manifest. */
  readonly #written = new Set<number>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;

  constructor(options: TreeWriterOptions) {
    this.#options = options;
  }

  async add(found: Found): Promise<void> {
    const { path, stat } = found;
    if (stat.isFile()) await this.#addFile(found);
    else if (stat.isDirectory()) await this.#line(found, { type: 'directory', path, ...attributesOf(stat) });
    else if (stat.isSymbolicLink()) await this.#addSymlink(found);
    else {
      const device = `${stat.rdev}`;
      await this.#line(found, { type: 'special', path, kind: kindOf(stat), device, ...attributesOf(stat) });
    }
    while (this.#waiting.length > waitingMax || this.#waitingBytes > waitingBytesMax) await this.#writeFirst();
  }

  /** Writes all that waits. */
  async finish(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeFirst();
  }

  async #addFile(found: Found): Promise<void> {
    const { path, stat } = found;
    const { base } = this.#options;
    const group = this.#links.known(stat);
    if (group !== undefined) return this.#line(found, { type: 'link', path, group });
    const finding = base?.find(path, stat);
    const known = finding instanceof Promise ? await finding : finding;
    const begun = this.#links.begin(stat);
    if (known) return this.#addKnown(found, known, begun);
    const bytes = Number(stat.size);
    this.#waitingBytes += bytes;
    this.#waiting.push({ found, entry: this.#read(found), group: begun, bytes });
  }

  #read({ path, stat }: Found): Promise<ReadResult> {
    return this.#options.pool.read({ path, dev: stat.dev, ino: stat.ino }, Number(stat.size));
  }

  #addKnown(found: Found, { content, seen }: Known, group: number | undefined): Promise<void> | void {
    const { stat } = found;
    this.bytesKnown += Number(stat.size);
    const read = { ...attributesOf(stat), size: Number(stat.size), sparse: isSparse(stat), seen, content };
    if (this.#waiting.length === 0) return this.#writeFile(found, read, group);
    this.#waiting.push({ found, entry: Promise.resolve({ ...read, changed: false }), group, bytes: 0 });
  }

  #addSymlink(found: Found): Promise<void> | void {
    const { path, stat } = found;
    try {
      const target = bytePathOf(readlinkSync(under(this.#options.root, path), { encoding: 'buffer' }));
      return this.#line(found, { type: 'symlink', path, target, ...attributesOf(stat) });
    } catch (error) {
      const skip = skipOf(error);
      if (!skip) throw error;
      this.#options.leaveOut(path, skip.why, skip.code);
    }
  }

  /** At once where nothing stands before it. */
  #line(found: Found, entry: Entry): Promise<void> | void {
    if (this.#waiting.length === 0) return this.#write(found, entry);
    this.#waiting.push({ found, entry, group: undefined, bytes: 0 });
  }

  async #writeFirst(): Promise<void> {
    const first = this.#waiting[0] as Waiting;
    if (first.entry instanceof Promise) {
      this.#options.pool.flush();
      const result = await first.entry;
      this.#waitingBytes -= first.bytes;
      await this.#writeRead(first.found, result, first.group);
    } else await this.#write(first.found, first.entry);
    this.#waiting.shift();
  }

  async #write(found: Found, entry: Entry): Promise<void> {
    if (entry.type === 'link' && !this.#written.has(entry.group)) return this.#writeOrphan(found, entry.group);
    await this.#options.manifest.add(entry);
    if (!found.stat.isDirectory()) this.#options.meter.filesDone += 1;
  }

  /** A further name of a file whose first name came to nothing takes its place. */
  async #writeOrphan(found: Found, group: number): Promise<void> {
    const reading = this.#read(found);
    this.#options.pool.flush();
    await this.#writeRead(found, await reading, group);
  }

  async #writeRead(found: Found, result: ReadResult, group: number | undefined): Promise<void> {
    if ('skipped' in result) {
      this.#options.leaveOut(found.path, result.skipped.why, result.skipped.code);
      this.#options.meter.filesDone += 1;
      return;
    }
    if (result.changed) this.#options.leaveOut(found.path, 'changed', '');
    await this.#writeFile(found, result, group);
  }

  async #writeFile({ path }: Found, read: Omit<FileRead, 'changed'>, group: number | undefined): Promise<void> {
    const { size, sparse, seen, content, ...attributes } = read;
    if (group !== undefined) this.#written.add(group);
    await this.#options.manifest.add({
      type: 'file',
      path,
      size,
      ...(sparse ? { sparse: true as const } : {}),
      ...(group === undefined ? {} : { group }),
      ...(seen === null ? {} : { seen }),
      content: firstOf(content),
      mode: attributes.mode,
      uid: attributes.uid,
      gid: attributes.gid,
      mtimeUs: attributes.mtimeUs,
    });
    for (let at = piecesPerLine; at < content.length; at += piecesPerLine)
      await this.#options.manifest.add({ type: 'data', content: content.slice(at, at + piecesPerLine) });
    this.#options.meter.filesDone += 1;
  }
}

function firstOf(content: Piece[]): Piece[] {
  return content.length <= piecesPerLine ? content : content.slice(0, piecesPerLine);
}

function kindOf(stat: BigIntStats): 'fifo' | 'socket' | 'character' | 'block' {
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'character' : 'block';
}
