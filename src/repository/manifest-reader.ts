/** Reads a manifest back, line by line, and lets nothing pass that is not in order: every error is `data-corrupt`. */
import { createHash } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';
import { LineError, lineBlocks, linesIn } from './line-blocks.ts';
import { LineCheck } from './line-check.ts';
import { type ManifestHeader, type ManifestLine, parseHeader } from './manifest.ts';
import { type PlainFileLine, parsedLine, plainOrParsedLine } from './plain-file-line.ts';
import { manifestPath, type Repository } from './repository.ts';
import { corrupt, errorCode, repositoryError } from './repository-failure.ts';
import { openStored } from './stored-file.ts';
import { ZstdFrameEnd } from './zstd-frame-end.ts';

const headerBytesMax = 64 * 1024;
/** Text that is decompressed at once. */
const partBytes = 64 * 1024;
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

type Footer = { type: 'footer' };
export type BodyLine = Exclude<ManifestLine, Footer>;

/**
 * The entries and the data of a manifest, in order. It ends only after a footer whose totals, like the header's, are those
 * of the entries: a manifest that was cut short rejects. Paths are plain and stand in the order of a walk (TreeOrder).
 * Memory is bounded by the groups of hard links, and by nothing else that a manifest says.
 */
export async function* readManifest(
  repository: Repository,
  sha256: string,
  signal: AbortSignal,
): AsyncGenerator<BodyLine> {
  for await (const lines of readBlocks(repository, sha256, signal, parsedLine)) yield* lines;
}

/**
 * The same, a block of lines at once, for whoever holds them against a source. Lines are checked as they are taken, and
 * throw what `readManifest` rejects with; all of a block must be taken before the next one is asked for.
 */
export function readManifestBlocks(
  repository: Repository,
  sha256: string,
  signal: AbortSignal,
): AsyncGenerator<Iterable<BodyLine | PlainFileLine>> {
  return readBlocks(repository, sha256, signal, plainOrParsedLine);
}

async function* readBlocks<Line extends ManifestLine | PlainFileLine>(
  repository: Repository,
  sha256: string,
  signal: AbortSignal,
  parse: (block: Buffer, at: number, end: number) => Line,
): AsyncGenerator<Iterable<Exclude<Line, Footer>>> {
  const { header, bodyAt } = await locateHeader(repository, sha256);
  const check = new LineCheck(header.totals);
  const file = await streamOf(repository, sha256, bodyAt, signal);
  const end = new ZstdFrameEnd();
  const params = { [constants.ZSTD_d_windowLogMax]: windowLogMax };
  const body = createZstdDecompress({ chunkSize: partBytes, params });
  const frame = Readable.from(frameOf(file, end)).on('error', error => body.destroy(error));
  const checked = function* (block: Buffer) {
    try {
      for (const [from, to] of linesIn(block)) {
        const line = check.next(parse, block, from, to);
        if (line.type !== 'footer') yield line as Exclude<Line, Footer>;
      }
    } catch (error) {
      throw unreadable(repository, sha256, error, signal);
    }
  };
  try {
    for await (const block of lineBlocks(frame.pipe(body))) yield checked(block);
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
      return { header: headerOf(buffer.toString('utf8', 0, end)), bodyAt: end + 1 };
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

function headerOf(text: string): ManifestHeader {
  try {
    return parseHeader(text);
  } catch (cause) {
    throw new LineError(cause);
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
