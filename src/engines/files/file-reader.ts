/**
 * Reads one file of a source into pieces. It reads no more than the size that the file had when it was opened, so that a
 * log that grows as fast as it is read comes to an end; what changed meanwhile is told.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { chunkSizes, firstBoundary, isZero } from '../../repository/chunker.ts';
import type { Piece } from '../../repository/manifest.ts';

export interface FileContent {
  /** As it was when reading began; the entry's attributes are taken from it. */
  stat: BigIntStats;
  pieces: Piece[];
  /** Bytes that were read: the sum of the pieces. */
  size: number;
  /** Something wrote to the file, its attributes or its links while it was read. */
  changed: boolean;
}

export interface ReadOptions {
  /** What the walk found there; another file under this name by now counts as vanished. */
  expected: BigIntStats;
  /** Takes a chunk, and answers its name; the bytes are used again once it has. */
  store: (chunk: Buffer) => Promise<string>;
  signal: AbortSignal;
  onBytes: (bytes: number) => void;
}

/** One buffer serves all files, for they are read one after another. */
const window = Buffer.allocUnsafeSlow(chunkSizes.maxBytes);

/** Rejects with the system's error where the file cannot be opened or read to its end. */
export async function readSourceFile(path: Buffer, options: ReadOptions): Promise<FileContent> {
  // A pipe that took the file's name must not hold the open for ever, and a symlink must not lead away.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile() || before.dev !== options.expected.dev || before.ino !== options.expected.ino)
      throw Object.assign(new Error('another file has its name now'), { code: 'ENOENT' });
    const { pieces, size } = await readPieces(file, Number(before.size), options);
    const after = await file.stat({ bigint: true });
    const changed =
      before.size !== after.size ||
      before.mtimeNs !== after.mtimeNs ||
      before.ctimeNs !== after.ctimeNs ||
      BigInt(size) !== before.size;
    return { stat: before, pieces, size, changed };
  } finally {
    await file.close();
  }
}

async function readPieces(
  file: FileHandle,
  sizeMax: number,
  { store, signal, onBytes }: ReadOptions,
): Promise<{ pieces: Piece[]; size: number }> {
  const pieces: Piece[] = [];
  let [filled, readAt, size, ended] = [0, 0, 0, sizeMax === 0];
  for (;;) {
    while (!ended && filled < window.length) {
      signal.throwIfAborted();
      const length = Math.min(window.length - filled, sizeMax - readAt);
      const { bytesRead } = await file.read(window, filled, length, readAt);
      filled += bytesRead;
      readAt += bytesRead;
      ended = bytesRead === 0 || readAt >= sizeMax;
    }
    if (filled === 0) return { pieces, size };
    signal.throwIfAborted();
    const content = window.subarray(0, filled);
    // Zeros have no boundary inside, so a window of them is a hole without a look at each byte.
    const length = isZero(content) ? filled : firstBoundary(content);
    const chunk = content.subarray(0, length);
    if (isZero(chunk)) addHole(pieces, length);
    else pieces.push([length, await store(chunk)]);
    window.copyWithin(0, length, filled);
    filled -= length;
    size += length;
    onBytes(length);
  }
}

function addHole(pieces: Piece[], length: number): void {
  const last = pieces.at(-1);
  if (last?.length === 1) last[0] += length;
  else pieces.push([length]);
}
