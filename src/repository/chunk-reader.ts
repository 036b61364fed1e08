/** Reads a chunk back, and trusts nothing but its hash. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { unseal } from './chunk-envelope.ts';
import { chunkPath, type Repository } from './repository.ts';
import { errorCode, repositoryError } from './repository-failure.ts';

export type ChunkRead = { bytes: Buffer; damage?: undefined } | { damage: 'missing' | 'damaged'; why: string };

/** The chunk's plain bytes, or how it is damaged. Rejects with a failure where the repository itself cannot be read. */
export async function readChunk(repository: Repository, sha256: string): Promise<ChunkRead> {
  let stored: Buffer;
  try {
    stored = await readFile(chunkPath(repository, sha256));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { damage: 'missing', why: 'it is not there' };
    // A bad block under one chunk is that chunk's damage; the rest may well be readable.
    if (errorCode(error) === 'EIO') return { damage: 'damaged', why: 'the disk cannot read it (EIO)' };
    throw repositoryError(repository.path, error);
  }
  try {
    const bytes = await unseal(stored);
    const found = createHash('sha256').update(bytes).digest('hex');
    return found === sha256 ? { bytes } : { damage: 'damaged', why: `its content has the hash ${found}` };
  } catch (error) {
    return { damage: 'damaged', why: error instanceof Error ? error.message : String(error) };
  }
}
