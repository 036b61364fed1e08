/** Reads a manifest back, line by line, and lets nothing pass that is not in order: every error is `data-corrupt`. */
import { createHash } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';
import { type Entry, type ManifestHeader, type ManifestLine, parseHeader, parseLine, type Totals } from './manifest.ts';
import { manifestPath, type Repository } from './repository.ts';
import { corrupt, errorCode, repositoryError } from './repository-failure.ts';
import { openStored } from './stored-file.ts';
import { TreeOrder } from './tree-order.ts';
import { ZstdFrameEnd } from './zstd-frame-end.ts';

const headerBytesMax = 64 * 1024;
const lineBytesMax = 1024 * 1024;
/** Memory that a frame may ask for: 8 MiB, what RFC 8878 wants every reader to have and no writer to exceed. */
const windowLogMax = 23;
const emptyFrame = Buffer.from('28b52ffd2000010000', 'hex');

/** The header alone: one small read. */
export async function readHeader(repository: Repository, sha256: string): Promise<ManifestHeader> {
  return (await locateHeader(repository, sha256)).header;
}

/** Reads the whole file and rejects unless it has the hash that is its name. */
export async function checkManifest(repository: Repository, sha256: string, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const part of await streamOf(repository, sha256, 0, signal)) hash.update(part);
  } catch (error) {
    throw unreadable(repository, sha256, error, signal);
  }
  const found = hash.digest('hex');
  if (found !== sha256) throw corrupt(`the manifest ${sha256} is damaged: its content has the hash ${found}`);
}

/**
 * The entries and the data of a manifest, in order. It ends only after a footer whose totals, like the header's, are those
 * of the entries: a manifest that was cut short rejects. Paths are plain and stand in the order of a walk (TreeOrder).
 * Memory is bounded by the groups of hard links, and by nothing else that a manifest says.
 */
export async function* readManifest(
  repository: Repository,
  sha256: string,
  signal: AbortSignal,
): AsyncGenerator<Exclude<ManifestLine, { type: 'footer' }>> {
  const { header, bodyAt } = await locateHeader(repository, sha256);
  const check = new LineCheck(header.totals);
  const file = await streamOf(repository, sha256, bodyAt, signal);
  const end = new ZstdFrameEnd();
  const body = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } });
  const frame = Readable.from(frameOf(file, end)).on('error', error => body.destroy(error));
  try {
    for await (const text of linesOf(frame.pipe(body))) {
      const line = check.next(text);
      if (line.type !== 'footer') yield line;
    }
    check.end();
    await checkBehind(repository, sha256, bodyAt + end.bytes);
  } catch (error) {
    throw unreadable(repository, sha256, error, signal);
  } finally {
    frame.destroy();
    file.destroy();
    body.destroy();
  }
}

async function streamOf(
  repository: Repository,
  sha256: string,
  start: number,
  signal: AbortSignal,
): Promise<ReadStream> {
  try {
    return (await openStored(manifestPath(repository, sha256))).createReadStream({ start, signal });
  } catch (error) {
    throw unreadable(repository, sha256, error, signal);
  }
}

async function locateHeader(
  repository: Repository,
  sha256: string,
): Promise<{ header: ManifestHeader; bodyAt: number }> {
  try {
    const file = await openStored(manifestPath(repository, sha256));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(headerBytesMax), 0, headerBytesMax, 0);
      const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
      if (end < 0) throw new LineError('it has no header');
      return { header: asLine(() => parseHeader(buffer.toString('utf8', 0, end))), bodyAt: end + 1 };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(repository, sha256, error);
  }
}

/** The one frame that a manifest has, and nothing of what stands behind it. */
async function* frameOf(file: AsyncIterable<Buffer>, end: ZstdFrameEnd): AsyncGenerator<Buffer> {
  for await (const part of file) {
    yield part.subarray(0, end.take(part));
    if (end.isThere) return;
  }
}

/** Nothing stands behind the frame, but for the empty one that a writer left which ended its own twice. */
async function checkBehind(repository: Repository, sha256: string, end: number): Promise<void> {
  const file = await openStored(manifestPath(repository, sha256));
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(emptyFrame.length), 0, emptyFrame.length, end);
    if (size === end || (size === end + emptyFrame.length && buffer.equals(emptyFrame))) return;
    throw new LineError(`${size - end} bytes stand behind its end`);
  } finally {
    await file.close();
  }
}

/** The lines of a body's text. Rejects where the last one is cut short, or one is too long. */
export async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (let part of body) {
    for (let end = part.indexOf(0x0a); end >= 0; end = part.indexOf(0x0a)) {
      yield Buffer.concat([...rest, part.subarray(0, end)]).toString('utf8');
      rest = [];
      restBytes = 0;
      part = part.subarray(end + 1);
    }
    rest.push(part);
    restBytes += part.length;
    if (restBytes > lineBytesMax) throw new LineError(`a line is longer than ${lineBytesMax} bytes`);
  }
  if (restBytes > 0) throw new LineError('its last line is cut short');
}

/** Holds each line against the ones before it. */
class LineCheck {
  readonly #order = new TreeOrder();
  readonly #totals: Totals = { files: 0, directories: 0, bytes: 0 };
  readonly #claimed: Totals;
  readonly #groups = new Set<number>();
  #ended = false;
  /** Bytes that the last file still lacks. */
  #lacking = 0;
  #lines = 0;

  /** `claimed` is what the header says. */
  constructor(claimed: Totals) {
    this.#claimed = claimed;
  }

  next(text: string): ManifestLine {
    this.#lines += 1;
    return asLine(() => {
      const line = parseLine(text);
      if (this.#ended) throw new Error('it stands after the footer');
      if (line.type === 'data') this.#take(line.content);
      else this.#whole();
      if (line.type === 'footer') this.#foot(line.totals);
      else if (line.type !== 'data') this.#admit(line);
      return line;
    }, this.#lines);
  }

  end(): void {
    if (!this.#ended) throw new LineError('it ends without a footer');
  }

  #admit(entry: Entry): void {
    this.#order.admit(entry.path, entry.type === 'directory');
    if (entry.type === 'directory') this.#totals.directories += 1;
    else this.#totals.files += 1;
    if (entry.type === 'file') this.#totals.bytes += entry.size;
    for (const name of totalNames)
      if (this.#totals[name] > this.#claimed[name]) throw new Error(`its header counts ${this.#claimed[name]} ${name}`);
    if (entry.type === 'link' && !this.#groups.has(entry.group)) throw new Error('its first hard link is not there');
    if (entry.type !== 'file') return;
    if (entry.group !== undefined && this.#groups.has(entry.group)) throw new Error('its group is taken');
    if (entry.group !== undefined) this.#groups.add(entry.group);
    this.#lacking = entry.size;
    this.#take(entry.content);
  }

  #take(content: readonly (readonly [number, string?])[]): void {
    for (const [length] of content) this.#lacking -= length;
    if (this.#lacking < 0) throw new Error('it has more content than its file has bytes');
  }

  #whole(): void {
    if (this.#lacking !== 0) throw new Error(`${this.#lacking} bytes are missing in the file before it`);
  }

  #foot(totals: Totals): void {
    this.#ended = true;
    for (const name of totalNames) {
      if (totals[name] !== this.#totals[name])
        throw new Error(`its footer counts ${totals[name]} ${name}, its entries ${this.#totals[name]}`);
      if (this.#claimed[name] !== totals[name])
        throw new Error(`its header counts ${this.#claimed[name]} ${name}, its footer ${totals[name]}`);
    }
  }
}

const totalNames = ['files', 'directories', 'bytes'] as const;

/** What is wrong with a manifest's text, as against what the system said when it was read. */
class LineError extends Error {
  override readonly name = 'LineError';
}

function asLine<T>(parse: () => T, line?: number): T {
  try {
    return parse();
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new LineError(line === undefined ? said : `line ${line}: ${said}`, { cause });
  }
}

function unreadable(repository: Repository, sha256: string, error: unknown, signal?: AbortSignal): unknown {
  signal?.throwIfAborted();
  const code = errorCode(error);
  if (code === 'ENOENT') return corrupt(`the manifest ${sha256} is not in the repository ${repository.path}`, error);
  const isBody = error instanceof LineError || code === 'Z_BUF_ERROR' || (code?.startsWith('ZSTD_') ?? false);
  if (isBody) return corrupt(`the manifest ${sha256} is damaged: ${(error as Error).message}`, error);
  return repositoryError(repository.path, error);
}
