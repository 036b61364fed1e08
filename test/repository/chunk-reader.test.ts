import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openChunkIndex } from '../../src/repository/chunk-index.ts';
import { ChunkReader } from '../../src/repository/chunk-reader.ts';
import { ChunkSet } from '../../src/repository/chunk-set.ts';
import { PackWriter } from '../../src/repository/pack-writer.ts';
import { openOrCreateRepository, packPath, type Repository } from '../../src/repository/repository.ts';
import { openRunDirectory } from '../../src/repository/run-files.ts';
import { noise } from '../engines/files/trees.ts';

/** Stores a chunk in a pack of its own, as a run does that does not know of another. */
async function store(repository: Repository, run: string, bytes: Buffer): Promise<string> {
  await openRunDirectory(repository, run);
  const writer = new PackWriter(repository, run, new ChunkSet(), { onStored: () => undefined, isShared: () => false });
  const { sha256 } = await writer.add(bytes);
  await writer.finish();
  await writer.close();
  return sha256;
}

test('a chunk that two runs stored is read from either pack, whichever is damaged', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-copies-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const repository = await openOrCreateRepository(join(directory, 'repository'));
  const content = noise(200_000, 'content');
  const sha256 = await store(repository, 'p-1', content);
  await store(repository, 'p-2', content);
  const index = await openChunkIndex(repository);
  const packs = [index.find(sha256)?.pack ?? '', index.find(sha256, 1)?.pack ?? ''].map(id => packPath(repository, id));
  expect(new Set(packs).size).toBe(2);
  expect(index.find(sha256, 2)).toBeUndefined();
  const read = () => {
    const reader = new ChunkReader(repository, index);
    const { damage, ...found } = reader.read(sha256);
    const sound = 'bytes' in found && found.bytes.equals(content);
    reader.close();
    return sound ? 'sound' : damage;
  };
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[1_000] = (bytes[1_000] as number) ^ 1;
    writeFileSync(path, bytes);
  };
  for (const path of packs) {
    flip(path);
    expect(read()).toBe('sound');
    flip(path);
  }
  for (const path of packs) flip(path);
  expect(read()).toBe('damaged');
});
