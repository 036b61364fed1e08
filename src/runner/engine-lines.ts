/** The lines that an engine says, to their last one, which is not always where its stdout ends. */
import type { Readable } from 'node:stream';
import { type OnLine, readLines } from './line-reader.ts';

export interface LinesOrder {
  onLine: OnLine;
  /** Longest line in bytes, 64 KiB unless given. */
  lineBytesMax?: number;
  /** Resolves when the first line may be taken. */
  counted: Promise<void>;
  /** Resolves when the engine has exited. */
  exited: Promise<unknown>;
}

const lingerMs = 1_000;
/** More than any pipe holds: what comes after it was not said by the engine itself. */
const lingerBytesMax = 2 ** 21;

/**
 * Resolves once stdout is at its end and its lines are taken, with what `onLine` threw, if it did. After the exit somebody
 * else may hold stdout open: then it is closed after a second of silence, or after more than the engine itself can have
 * left in it.
 */
export async function takeLines(
  stdout: Readable,
  { onLine, lineBytesMax = 2 ** 16, counted, exited }: LinesOrder,
): Promise<unknown> {
  let isFirst = true;
  const take: OnLine = line => {
    if (!isFirst) return onLine(line);
    isFirst = false;
    return counted.then(() => onLine(line));
  };
  let isTaking = false;
  let bytesAfterExit = 0;
  let linger: NodeJS.Timeout | undefined;
  const onChunk = (bytes: number): void => {
    isTaking = bytes > 0;
    if (!linger) return;
    linger.refresh();
    bytesAfterExit += bytes;
    if (bytesAfterExit > lingerBytesMax) stdout.destroy();
  };
  void exited.then(() => {
    linger = setTimeout(() => (isTaking ? linger?.refresh() : stdout.destroy()), lingerMs);
  });
  try {
    await readLines(stdout, take, { lineBytesMax, onChunk });
    return undefined;
  } catch (error) {
    // The stream that invariant 4 closed ended early by our own will.
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return undefined;
    stdout.resume();
    return error;
  } finally {
    await exited;
    clearTimeout(linger);
  }
}
