/** Which packs no backup needs, counted plainly: by the chunks that the manifests of the listed backups name. */
import { listBackups } from '../../src/repository/backup-list.ts';
import { chunksOf } from '../../src/repository/frame.ts';
import { readManifest } from '../../src/repository/manifest-reader.ts';
import { listPacks } from '../../src/repository/pack-list.ts';
import type { Repository } from '../../src/repository/repository.ts';

export async function unneededPacks(repository: Repository): Promise<string[]> {
  const needed = new Set<string>();
  for (const { manifest } of (await listBackups(repository)).backups)
    for await (const line of readManifest(repository, manifest, new AbortController().signal))
      if (line.type === 'file' || line.type === 'data')
        for (const [, sha256] of line.content) if (sha256 !== undefined) needed.add(sha256);
  const unneeded: string[] = [];
  for await (const { id, frames } of listPacks(repository, undefined, 'all')) {
    const hashes = frames.flatMap(({ head }) => [...chunksOf(head)].map(({ sha256 }) => sha256.toString('hex')));
    if (!hashes.some(each => needed.has(each))) unneeded.push(id);
  }
  return unneeded;
}
