/**
 * The outline of a pack: a file of some 16 MiB in which frames stand one after another, so that a million small files
 * are not a million objects. In front 32 bytes say what it is; behind its frames stands a table of their heads, which is
 * all that is read to know what is in it.
 *
 *   head    8  the letters REEVEPAK
 *           1  format, 2
 *           7  zero: room for what a later format needs to say, such as which key opens it
 *          16  the pack's id, which is its name
 *   frames  each its head and its body (frame.ts)
 *   table   for each frame 4 bytes of where it begins, and its head once more
 *   end     4  bytes of the table
 *           4  how many frames
 *          32  SHA-256 of head and table
 *           8  the letters REEVEEND
 *
 * Numbers are little-endian.
 */
import { createHash } from 'node:crypto';
import { decodeHead, encodeHead, type FrameHead, headBytes } from './frame.ts';

export const packFormat = 2;
export const packHeadBytes = 32;
export const packEndBytes = 48;
/** A pack is ended by the frame that takes it over this. */
export const packBytesTarget = 16 * 1024 * 1024;
/** No pack has more. */
export const packBytesMax = 2 ** 31;
const idBytes = 16;
const front = Buffer.from('REEVEPAK');
const back = Buffer.from('REEVEEND');

/** A frame and where it begins in its pack. */
export interface PlacedFrame {
  at: number;
  head: FrameHead;
}

/** `id` in hexadecimal. */
export function encodePackHead(id: string): Buffer {
  const bytes = Buffer.alloc(packHeadBytes);
  front.copy(bytes);
  bytes[8] = packFormat;
  Buffer.from(id, 'hex').copy(bytes, packHeadBytes - idBytes);
  return bytes;
}

/** Throws an Error where a pack's first bytes are not those of the pack of this id. */
export function checkPackHead(bytes: Buffer, id: string): void {
  if (bytes.length < packHeadBytes || !bytes.subarray(0, 8).equals(front)) throw new Error('it is not a pack');
  if (bytes[8] !== packFormat) throw new Error(`it has format ${bytes[8]}, this version knows ${packFormat}`);
  if (!bytes.subarray(0, packHeadBytes).equals(encodePackHead(id))) throw new Error('it is another pack');
}

/** The table and the end of a pack. */
export function encodePackTail(id: string, frames: readonly PlacedFrame[]): Buffer {
  const table = encodeTable(frames);
  const end = Buffer.alloc(packEndBytes);
  end.writeUInt32LE(table.length, 0);
  end.writeUInt32LE(frames.length, 4);
  createHash('sha256').update(encodePackHead(id)).update(table).digest().copy(end, 8);
  back.copy(end, packEndBytes - back.length);
  return Buffer.concat([table, end]);
}

/** How many bytes of a pack's end are its table and its end, by its last bytes. Throws an Error where it has none. */
export function tailBytesOf(end: Buffer, packBytes: number): number {
  if (end.length !== packEndBytes || !end.subarray(packEndBytes - back.length).equals(back))
    throw new Error('it is cut short');
  const bytes = end.readUInt32LE(0) + packEndBytes;
  if (bytes + packHeadBytes > packBytes) throw new Error('its table is larger than itself');
  return bytes;
}

/** The frames of a pack by its tail. Throws an Error where the tail is not sound, or not of this pack. */
export function decodePackTail(id: string, tail: Buffer): PlacedFrame[] {
  const table = tail.subarray(0, tail.length - packEndBytes);
  const end = tail.subarray(tail.length - packEndBytes);
  const sound = createHash('sha256').update(encodePackHead(id)).update(table).digest();
  if (!sound.equals(end.subarray(8, 40))) throw new Error('its table is damaged, or is that of another pack');
  return decodeTable(table, end.readUInt32LE(4));
}

export function encodeTable(frames: readonly PlacedFrame[]): Buffer {
  return Buffer.concat(
    frames.flatMap(({ at, head }) => {
      const place = Buffer.alloc(4);
      place.writeUInt32LE(at);
      return [place, encodeHead(head)];
    }),
  );
}

/** Throws an Error where the table does not hold just `count` frames, one behind the other. */
export function decodeTable(table: Buffer, count: number): PlacedFrame[] {
  const frames: PlacedFrame[] = [];
  let next = packHeadBytes;
  let read = 0;
  while (read < table.length) {
    const head = read + 4 <= table.length ? decodeHead(table, read + 4) : undefined;
    const at = head && table.readUInt32LE(read);
    if (!head || at !== next) throw new Error('its table is not one');
    frames.push({ at, head });
    next += headBytes(head) + head.storedBytes;
    read += 4 + headBytes(head);
  }
  if (frames.length !== count) throw new Error(`its table has ${frames.length} frames, not ${count}`);
  return frames;
}
