/**
 * A frame: what is compressed, and one day encrypted, as one. It holds one large chunk, or as many small ones as make it
 * worth the while. Here is its head, which says what its body is and which chunks stand in it, in order:
 *
 *   4  the letters RFRM
 *   1  how the body is encoded: 0 plain, 1 zstd; others are for later formats, encryption among them
 *   3  zero
 *   4  bytes of the body
 *   4  bytes of it when it is plain
 *   4  CRC-32 of the body
 *   4  how many chunks, then for each 32 bytes of its SHA-256 and 4 of its length
 *
 * Numbers are little-endian.
 */

import { crc32, zstdDecompressSync } from 'node:zlib';
import { chunkSizes } from './chunker.ts';
import type { FrameCompressor } from './frame-compressor.ts';

export const encodings = { plain: 0, zstd: 1 } as const;
const magic = 0x4d524652; // RFRM
const fixedBytes = 24;
export const hashBytes = 32;
/** Of a chunk in a head: its hash and its length. */
export const chunkBytes = hashBytes + 4;
/** A frame of small chunks is closed once it has this many plain bytes: enough to compress, little to read for one. */
export const frameBytesTarget = 512 * 1024;
/** No frame has more; whoever reads one that says so does not believe it. */
export const frameBytesMax = chunkSizes.maxBytes + frameBytesTarget;
export const frameChunksMax = 4096;
/** The most that a head takes. */
export const headBytesMax = fixedBytes + frameChunksMax * chunkBytes;

export interface FrameHead {
  encoding: number;
  /** Of the body, as it is stored. */
  storedBytes: number;
  plainBytes: number;
  crc: number;
  /** As many times 36 bytes as it has chunks: hash and length. */
  chunks: Buffer;
}

/** A frame to be written: its head and its body, in parts. */
export interface SealedFrame {
  head: FrameHead;
  body: readonly Buffer[];
}

/** A body that does not shrink by this much is kept plain: it is read back sooner. */
const worthShare = 0.97;
/** Bodies that are looked at before they are compressed: so many places of them, so many bytes each. */
const lookedAtBytes = 128 * 1024;
const places = 4;
const placeBytes = 4 * 1024;
/** Noise has 8 bits a byte, what is compressed or encrypted already hardly less. */
const noiseBits = 7.85;

/** Node takes no smaller room for what is decompressed. */
const outputBytesMin = 64;

/** A body that is kept as it is. */
export function plainFrame(bytes: Buffer, chunks: Buffer): SealedFrame {
  const { length } = bytes;
  const head = { encoding: encodings.plain, storedBytes: length, plainBytes: length, crc: crc32(bytes), chunks };
  return { head, body: [bytes] };
}

/** True for what compression would gain nothing of, by a look at some of it. */
export function isNoise(bytes: Buffer): boolean {
  return bytes.length >= lookedAtBytes && bitsOf(bytes) > noiseBits;
}

/** Encodes a body; plain where compression gains little. `bytes` must stay as they are meanwhile. */
export async function sealFrame(bytes: Buffer, chunks: Buffer, compressor: FrameCompressor): Promise<SealedFrame> {
  if (isNoise(bytes)) return plainFrame(bytes, chunks);
  const body = await compressor.compress(bytes);
  const storedBytes = body.reduce((sum, part) => sum + part.length, 0);
  if (storedBytes >= bytes.length * worthShare) return plainFrame(bytes, chunks);
  const crc = body.reduce((sum, part) => crc32(part, sum), 0);
  return { head: { encoding: encodings.zstd, storedBytes, plainBytes: bytes.length, crc, chunks }, body };
}

/** Shannon's entropy of a sample, in bits a byte. */
function bitsOf(bytes: Buffer): number {
  const counts = new Uint32Array(256);
  const step = Math.floor((bytes.length - placeBytes) / (places - 1));
  for (let place = 0; place < places; place += 1)
    for (let at = place * step; at < place * step + placeBytes; at += 1)
      counts[bytes[at] as number] = (counts[bytes[at] as number] as number) + 1;
  let bits = 0;
  for (const count of counts)
    if (count > 0) bits -= (count / (places * placeBytes)) * Math.log2(count / (places * placeBytes));
  return bits;
}

/** The plain bytes of a body. Throws an Error that says what is wrong with it. */
export function openFrame(head: FrameHead, body: Buffer): Buffer {
  if (body.length === head.storedBytes && crc32(body) !== head.crc) throw new Error('its checksum is wrong');
  return expandFrame(head, body);
}

/** The same without its CRC-32, for whoever holds its chunks against their hashes, which say more. */
export function expandFrame(head: FrameHead, body: Buffer): Buffer {
  if (body.length !== head.storedBytes) throw new Error('it is cut short');
  const plain = head.encoding === encodings.plain ? body : decompressed(body, head.plainBytes);
  if (plain.length !== head.plainBytes) throw new Error(`it has ${plain.length} bytes, not ${head.plainBytes}`);
  return plain;
}

/** Room for the whole, and a byte that stays free, makes zstd write into it in one go: no window, no parts, no copy. */
function decompressed(body: Buffer, plainBytes: number): Buffer {
  const chunkSize = Math.max(outputBytesMin, plainBytes + 1);
  return zstdDecompressSync(body, { maxOutputLength: plainBytes, chunkSize });
}

export function headBytes(head: FrameHead): number {
  return fixedBytes + head.chunks.length;
}

export function encodeHead(head: FrameHead): Buffer {
  const bytes = Buffer.alloc(fixedBytes);
  bytes.writeUInt32LE(magic, 0);
  bytes[4] = head.encoding;
  bytes.writeUInt32LE(head.storedBytes, 8);
  bytes.writeUInt32LE(head.plainBytes, 12);
  bytes.writeUInt32LE(head.crc, 16);
  bytes.writeUInt32LE(head.chunks.length / chunkBytes, 20);
  return Buffer.concat([bytes, head.chunks]);
}

/** The head that stands at `at`; undefined where none does, or not all of it. Throws for one of a later format. */
export function decodeHead(bytes: Buffer, at: number): FrameHead | undefined {
  if (at + fixedBytes > bytes.length || bytes.readUInt32LE(at) !== magic) return undefined;
  const encoding = bytes[at + 4] as number;
  const [storedBytes, plainBytes] = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
  const count = bytes.readUInt32LE(at + 20);
  if (bytes[at + 5] !== 0 || bytes[at + 6] !== 0 || bytes[at + 7] !== 0) return undefined;
  if (storedBytes > frameBytesMax || plainBytes > frameBytesMax || count > frameChunksMax) return undefined;
  const end = at + fixedBytes + count * chunkBytes;
  if (end > bytes.length) return undefined;
  const head = {
    encoding,
    storedBytes,
    plainBytes,
    crc: bytes.readUInt32LE(at + 16),
    chunks: bytes.subarray(at + fixedBytes, end),
  };
  if (sumOf(head) !== plainBytes) return undefined;
  if (encoding !== encodings.plain && encoding !== encodings.zstd)
    throw new Error(`its encoding ${encoding} is not known to this version`);
  return head;
}

function sumOf({ chunks }: FrameHead): number {
  let sum = 0;
  for (let at = hashBytes; at < chunks.length; at += chunkBytes) sum += chunks.readUInt32LE(at);
  return sum;
}

/** The chunks of a frame in order: where each begins in the plain body, and how long it is. */
export function* chunksOf({ chunks }: Pick<FrameHead, 'chunks'>): Generator<{
  sha256: Buffer;
  offset: number;
  length: number;
}> {
  let offset = 0;
  for (let at = 0; at < chunks.length; at += chunkBytes) {
    const length = chunks.readUInt32LE(at + hashBytes);
    yield { sha256: chunks.subarray(at, at + hashBytes), offset, length };
    offset += length;
  }
}

/** Collects the chunks of a frame to come. */
export class FrameChunks {
  readonly #entries: Buffer[] = [];

  get count(): number {
    return this.#entries.length;
  }

  add(sha256: Buffer, length: number): void {
    const entry = Buffer.allocUnsafe(chunkBytes);
    sha256.copy(entry);
    entry.writeUInt32LE(length, hashBytes);
    this.#entries.push(entry);
  }

  take(): Buffer {
    return Buffer.concat(this.#entries.splice(0));
  }
}
