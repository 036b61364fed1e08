/** Lines of a stream of bytes, one at a time, each bounded. */
import type { Readable } from 'node:stream';

/** Takes a line without its end; while its promise is open, nothing more is read. */
export type OnLine = (line: string) => void | Promise<void>;

export interface LineReading {
  /** Longest line in bytes; what is beyond is dropped, up to the line's end. */
  lineBytesMax: number;
  /** Told of each chunk when it arrives, and again once all of its lines were taken, with `bytes` 0. */
  onChunk?: (bytes: number) => void;
}

/**
 * Resolves at the stream's end, after its last line was taken. Rejects with what the stream or the taker threw, and then
 * leaves the stream open.
 */
export async function readLines(stream: Readable, onLine: OnLine, reading: LineReading): Promise<void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  const hold = (part: Buffer): void => {
    const kept = part.subarray(0, Math.max(0, reading.lineBytesMax - heldBytes));
    if (kept.length > 0) held.push(kept);
    heldBytes += kept.length;
  };
  const give = async (): Promise<void> => {
    const line = Buffer.concat(held).toString('utf8').replace(/\r$/, '');
    held = [];
    heldBytes = 0;
    await onLine(line);
  };
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    reading.onChunk?.(chunk.length);
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, end));
      from = end + 1;
      await give();
    }
    hold(chunk.subarray(from));
    reading.onChunk?.(0);
  }
  if (heldBytes > 0) await give();
}
