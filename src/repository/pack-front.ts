/**
 * The frames in front of a pack's damage, by their own heads: of a pack that was cut short, or whose table is damaged,
 * they may well be sound. Nothing is proven here but that a frame is all there; who reads a chunk of it holds that against
 * its hash.
 */
import { closeSync, fstatSync } from 'node:fs';
import { decodeHead, headBytes, headBytesMax } from './frame.ts';
import { checkPackHead, type PlacedFrame, packHeadBytes } from './pack.ts';
import { openPack } from './pack-names.ts';
import { readAt } from './read-at.ts';
import type { Repository } from './repository.ts';

/** None where the pack is gone, cannot be read, or is another one. */
export function frontFrames(repository: Repository, id: string): PlacedFrame[] {
  const frames: PlacedFrame[] = [];
  let file: number | undefined;
  try {
    file = openPack(repository, id);
    checkPackHead(readAt(file, Buffer.alloc(packHeadBytes), 0), id);
    const { size } = fstatSync(file);
    const room = Buffer.allocUnsafe(headBytesMax);
    for (let at = packHeadBytes; ; ) {
      const head = decodeHead(readAt(file, room, at), 0);
      const end = head && at + headBytes(head) + head.storedBytes;
      if (!head || !end || end > size) return frames;
      frames.push({ at, head: { ...head, chunks: Buffer.from(head.chunks) } });
      at = end;
    }
  } catch {
    return frames;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
