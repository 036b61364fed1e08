/**
 * Makes manifest lines of what a walk finds, in its order, while many files are being read: an entry waits in line until
 * those before it are written. Files that are known from the last backup are not read.
 */
import { type BigIntStats, readlinkSync } from 'node:fs';
import type { SkippedFile } from '../../domain/run.ts';
import { type BytePath, bytePathOf, under } from '../../repository/byte-path.ts';
import type { Entry } from '../../repository/manifest.ts';
import type { ManifestWriter } from '../../repository/manifest-writer.ts';
import { PlainFileLine } from '../../repository/plain-file-line.ts';
import type { ProgressMeter } from '../progress-meter.ts';
import type { Base, Known } from './base.ts';
import { linesOfFile } from './file-lines.ts';
import { attributesOf, isSparse } from './file-reader.ts';
import { HardLinks } from './hard-links.ts';
import { ReadBatch } from './read-batch.ts';
import type { FilesRead } from './read-messages.ts';
import type { ReadPool } from './read-pool.ts';
import { type Found, skipOf } from './source-walk.ts';

export interface TreeWriterOptions {
  root: BytePath;
  pool: Pick<ReadPool, 'read'>;
  base: Pick<Base, 'find'> | undefined;
  manifest: Pick<ManifestWriter, 'add' | 'addFile'>;
  leaveOut: (path: BytePath, why: SkippedFile['why'], code: string) => void;
  meter: ProgressMeter;
}

/** Entries that may wait in line: enough to keep the threads busy past one large file. */
const waitingMax = 2_048;
/** Bytes of files that may wait to be read: a walk runs far ahead of its readers. */
const waitingBytesMax = 256 * 1024 * 1024;

/** What can be written as soon as everything before it is. */
type Ready =
  | { lines: string; size: number; group: number }
  | { entry: Exclude<Entry, { type: 'file' | 'link' }> }
  /** Kept as it was found: where its first name comes to nothing, it is read in its place. */
  | { link: Found; group: number };

export class TreeWriter {
  /** Bytes of files that were not read, because they are known. */
  bytesKnown = 0;
  /** Entries that could not be written at once. */
  waited = 0;
  readonly #options: TreeWriterOptions;
  readonly #links = new HardLinks();
  /** Groups whose first name is in the manifest. */
  readonly #written = new Set<number>();
  /** Batches that were handed over, oldest first. */
  readonly #reading: ReadBatch<Ready>[] = [];
  /** The batch that what is found goes into. */
  #open = new ReadBatch<Ready>();
  /** Of those that were handed over: files and entries, and the files' bytes. */
  #waiting = 0;
  #waitingBytes = 0;

  constructor(options: TreeWriterOptions) {
    this.#options = options;
  }

  /** A promise only where something has to be waited for. */
  add(found: Found): Promise<void> | undefined {
    const { path, stat } = found;
    if (stat.isFile()) return this.#addFile(found);
    if (stat.isDirectory()) return this.#ready({ entry: { type: 'directory', path, ...attributesOf(stat) } });
    if (stat.isSymbolicLink()) return this.#addSymlink(found);
    const device = `${stat.rdev}`;
    return this.#ready({ entry: { type: 'special', path, kind: kindOf(stat), device, ...attributesOf(stat) } });
  }

  /** Writes all that waits. */
  async finish(): Promise<void> {
    this.#handOver();
    while (this.#reading.length > 0) await this.#writeFirst();
  }

  #addFile(found: Found): Promise<void> | undefined {
    const group = this.#links.known(found.stat);
    if (group !== undefined) return this.#ready({ link: found, group });
    const known = this.#options.base?.find(found.path, found.stat);
    if (known instanceof Promise) return known.then(it => this.#addNamed(found, it));
    return this.#addNamed(found, known);
  }

  /** The first name of a file. */
  #addNamed(found: Found, known: Known | undefined): Promise<void> | undefined {
    const group = this.#links.begin(found.stat) ?? 0;
    if (known) return this.#addKnown(found, known, group);
    this.waited += 1;
    this.#open.addFile(found, group);
    return this.#makeRoom();
  }

  #addKnown(found: Found, known: Known, group: number): Promise<void> | undefined {
    const size = Number(found.stat.size);
    this.bytesKnown += size;
    return this.#ready({ lines: linesOfKnown(found, known, group), size, group });
  }

  #addSymlink({ path, stat }: Found): Promise<void> | undefined {
    try {
      const target = bytePathOf(readlinkSync(under(this.#options.root, path), { encoding: 'buffer' }));
      return this.#ready({ entry: { type: 'symlink', path, target, ...attributesOf(stat) } });
    } catch (error) {
      const skip = skipOf(error);
      if (!skip) throw error;
      this.#options.leaveOut(path, skip.why, skip.code);
      return undefined;
    }
  }

  /** At once where nothing stands before it. */
  #ready(ready: Ready): Promise<void> | undefined {
    if (this.#reading.length === 0 && this.#open.length === 0) return this.#write(ready);
    this.waited += 1;
    this.#open.addEntry(ready);
    return this.#makeRoom();
  }

  #makeRoom(): Promise<void> | undefined {
    if (!this.#open.isFull) return undefined;
    this.#handOver();
    return this.#hasRoom ? undefined : this.#writeMany();
  }

  get #hasRoom(): boolean {
    return this.#waiting <= waitingMax && this.#waitingBytes <= waitingBytesMax;
  }

  #handOver(): void {
    const batch = this.#open;
    if (batch.length === 0) return;
    this.#open = new ReadBatch();
    this.#reading.push(batch);
    this.#waiting += batch.length;
    this.#waitingBytes += batch.bytes;
    if (batch.paths.length > 0) batch.read = this.#options.pool.read(batch.files);
  }

  async #writeMany(): Promise<void> {
    while (!this.#hasRoom) await this.#writeFirst();
  }

  async #writeFirst(): Promise<void> {
    const batch = this.#reading[0] as ReadBatch<Ready>;
    const read = await batch.read;
    let next = 0;
    for (const { after, entry } of batch.between) {
      if (read) await this.#writeRead(batch, read, next, after);
      await this.#write(entry);
      next = after;
    }
    if (read) await this.#writeRead(batch, read, next, batch.paths.length);
    this.#reading.shift();
    this.#waiting -= batch.length;
    this.#waitingBytes -= batch.bytes;
  }

  /** The files of a batch from one place to another. */
  async #writeRead(
    batch: ReadBatch<Ready>,
    { lines, sizes, told }: FilesRead,
    from: number,
    to: number,
  ): Promise<void> {
    for (const { place, why, code } of told)
      if (place >= from && place < to) this.#options.leaveOut(batch.paths[place] as BytePath, why, code);
    for (let place = from; place < to; place += 1) {
      const [text = '', size = 0] = [lines[place], sizes[place]];
      if (text === '') this.#options.meter.filesDone += 1;
      else await this.#write({ lines: text, size, group: batch.groupOf(place) });
    }
  }

  #write(ready: Ready): Promise<void> | undefined {
    const { manifest, meter } = this.#options;
    if ('link' in ready && !this.#written.has(ready.group)) return this.#writeOrphan(ready.link, ready.group);
    if (!('entry' in ready) || ready.entry.type !== 'directory') meter.filesDone += 1;
    if ('entry' in ready) return manifest.add(ready.entry);
    if ('link' in ready) return manifest.add({ type: 'link', path: ready.link.path, group: ready.group });
    if (ready.group !== 0) this.#written.add(ready.group);
    return manifest.addFile(ready.lines, ready.size);
  }

  /** A further name of a file whose first name came to nothing takes its place. */
  async #writeOrphan(found: Found, group: number): Promise<void> {
    const batch = new ReadBatch<Ready>();
    batch.addFile(found, group);
    await this.#writeRead(batch, await this.#options.pool.read(batch.files), 0, 1);
  }
}

/** The line that was written before where it says just what would be said now. */
function linesOfKnown({ path, stat }: Found, known: Known, group: number): string {
  const read = { ...attributesOf(stat), size: Number(stat.size), sparse: isSparse(stat) };
  if (known instanceof PlainFileLine && group === 0 && isAsRead(known, read)) return known.text;
  const content = known instanceof PlainFileLine ? known.content() : known.content;
  return linesOfFile(path, group, { ...read, seen: known.seen, content });
}

function isAsRead(
  line: PlainFileLine,
  { mode, uid, gid, sparse }: { mode: number; uid: number; gid: number; sparse: boolean },
): boolean {
  return line.mode === mode && line.uid === uid && line.gid === gid && (line.sparse ?? false) === sparse;
}

function kindOf(stat: BigIntStats): 'fifo' | 'socket' | 'character' | 'block' {
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'character' : 'block';
}
