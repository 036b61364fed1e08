/**
 * A chunk as it is stored: one byte that says how the rest is encoded, then the rest. 0 is the plain bytes, 1 is one
 * zstd frame; other values are left for later formats, encryption among them, and are refused here by number.
 */
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { chunkSizes } from './chunker.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export const envelopes = { plain: 0, zstd: 1 } as const;

/** The stored form, in parts to be written one after another; plain where compression gains nothing. */
export async function seal(bytes: Buffer): Promise<[kind: Buffer, body: Buffer]> {
  // Room for the whole in one buffer: many small ones, and their sum, would stay as garbage for a while.
  const packed = await compress(bytes, { chunkSize: Math.max(1024, bytes.length + 1024) });
  return packed.length < bytes.length ? [Buffer.of(envelopes.zstd), packed] : [Buffer.of(envelopes.plain), bytes];
}

/** The plain bytes; rejects where the stored form is torn or unknown, and never yields more than the largest chunk. */
export async function unseal(stored: Buffer): Promise<Buffer> {
  const body = stored.subarray(1);
  if (stored[0] === envelopes.plain && stored.length > 1) return body;
  if (stored[0] === envelopes.zstd) return decompress(body, { maxOutputLength: chunkSizes.maxBytes });
  throw new Error(stored.length === 0 ? 'it is empty' : `its encoding ${stored[0]} is not known`);
}
