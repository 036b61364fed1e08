/** Reads a backup back the plain way, file by file into a hash, on and on whatever is damaged: what a restore could bring. */
import { createHash, type Hash } from 'node:crypto';
import { type BytePath, printablePath } from '../../src/repository/byte-path.ts';
import { openChunkIndex } from '../../src/repository/chunk-index.ts';
import { ChunkReader } from '../../src/repository/chunk-reader.ts';
import type { Piece } from '../../src/repository/manifest.ts';
import { checkManifest, readManifest } from '../../src/repository/manifest-reader.ts';
import type { Repository } from '../../src/repository/repository.ts';

const { signal } = new AbortController();

export interface PlainReading {
  /** SHA-256 of each file's content, hard links too; null where any of it is lost. */
  contents: Map<BytePath, string | null>;
  /** What is lost, in the order of the manifest, as it is shown to people. */
  lost: string[];
}

/** Rejects where the manifest cannot be read. */
export async function readPlainly(repository: Repository, manifest: string): Promise<PlainReading> {
  await checkManifest(repository, manifest, signal);
  const reader = new ChunkReader(repository, await openChunkIndex(repository));
  const contents = new Map<BytePath, string | null>();
  const groups = new Map<number, BytePath>();
  let open: { path: BytePath; hash: Hash; lost: boolean } | undefined;
  const close = () => {
    if (open) contents.set(open.path, open.lost ? null : open.hash.digest('hex'));
    open = undefined;
  };
  const take = (content: readonly Piece[]) => {
    for (const [length, sha256] of content) {
      if (!open) throw new Error('data without a file');
      const read = sha256 === undefined ? { bytes: Buffer.alloc(length) } : reader.read(sha256);
      if (read.damage === undefined && read.bytes.length === length) open.hash.update(read.bytes);
      else open.lost = true;
    }
  };
  for await (const line of readManifest(repository, manifest, signal)) {
    if (line.type === 'data') {
      take(line.content);
      continue;
    }
    close();
    if (line.type === 'link') contents.set(line.path, contents.get(groups.get(line.group) ?? '') ?? null);
    if (line.type !== 'file') continue;
    if (line.group !== undefined) groups.set(line.group, line.path);
    open = { path: line.path, hash: createHash('sha256'), lost: false };
    take(line.content);
  }
  close();
  reader.close();
  return { contents, lost: [...contents].filter(([, hash]) => hash === null).map(([path]) => printablePath(path)) };
}
