/** Zstd frames made by hand (RFC 8878): a few bytes each that claim, or expand to, whatever they like. */

const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The most that a block may expand to. */
const blockBytes = 128 * 1024;

export interface Frame {
  /** The window that it claims to need, as a power of two from 10 to 41. */
  windowLog?: number;
  /** A length that it claims to expand to. */
  claimedBytes?: bigint;
  /** False leaves the last block out, so that the frame has no end. */
  ended?: boolean;
}

/** A frame of plain blocks with `text`, and after it `repeats` blocks of 128 KiB of `byte`, at four bytes a block. */
export function frameOf(text: string | Buffer, byte: number, repeats: number, frame: Frame = {}): Buffer {
  const { windowLog = 20, claimedBytes, ended = true } = frame;
  const plain = typeof text === 'string' ? Buffer.from(text) : text;
  const parts: Uint8Array[] = [magic, Buffer.from([claimedBytes === undefined ? 0 : 0xc0, (windowLog - 10) << 3])];
  if (claimedBytes !== undefined) parts.push(littleEndian(claimedBytes));
  for (let at = 0; at < plain.length; at += blockBytes) {
    const block = plain.subarray(at, at + blockBytes);
    parts.push(blockHeader(0, block.length), block);
  }
  const same = Buffer.concat([blockHeader(1, blockBytes), Buffer.from([byte])]);
  parts.push(Buffer.alloc(same.length * repeats, same));
  if (ended) parts.push(blockHeader(0, 0, true));
  return Buffer.concat(parts);
}

/** A frame that a reader has to pass over. */
export function skippableFrame(content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

function blockHeader(type: 0 | 1, bytes: number, last = false): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((last ? 1 : 0) | (type << 1) | (bytes << 3), 0, 3);
  return header;
}

function littleEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
