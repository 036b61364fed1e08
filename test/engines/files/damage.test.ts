import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { backUpAndCommit, backupJob, failureOfJob, listed, runJob, scratch } from './engine-process.ts';
import { isRoot, noise } from './trees.ts';

/** A repository with one backup, and where each file's only chunk lies. */
async function smallBackup() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), noise(10_000, name));
  writeFileSync(join(source, 'same-as-a'), noise(10_000, 'a'));
  const { manifest } = await backUpAndCommit(directory, 'p-1', source, repository);
  const chunkOf = (name: string) => {
    const sha256 = execFileSync('sha256sum', [join(source, name)], { encoding: 'utf8' }).slice(0, 64);
    return join(repository, 'chunks', sha256.slice(0, 2), sha256);
  };
  return { directory, source, repository, manifest, chunkOf };
}

describe('a damaged repository', () => {
  test('is told by verify: which chunks, how, and the files that need them', async () => {
    const { directory, repository, chunkOf } = await smallBackup();
    const bytes = readFileSync(chunkOf('a'));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(chunkOf('a'), bytes);
    rmSync(chunkOf('b'));
    const { damaged, files } = await runJob(directory, { task: 'verify', repository, backup: 'p-1' });
    expect(files).toBe(4);
    expect(damaged).toMatchObject({ count: 2, filesCount: 3 });
    expect(damaged.first).toMatchObject([
      { damage: 'damaged', filesCount: 2, filesFirst: ['a', 'same-as-a'] },
      { damage: 'missing', filesCount: 1, filesFirst: ['b'] },
    ]);
  });

  test('never restores a byte of a damaged chunk, and still restores the rest', async () => {
    const { directory, repository, chunkOf } = await smallBackup();
    truncateSync(chunkOf('b'), 100);
    const job = { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] };
    const failure = await failureOfJob(directory, job);
    expect(failure).toMatchObject({ status: 1, code: 'data-corrupt' });
    expect(failure.message).toContain('b cannot be restored');
    const rest = join(directory, 'rest');
    await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: rest, include: ['a', 'c'] });
    expect(readdirSync(rest)).toEqual(['a', 'c']);
  });

  test('stores a chunk again that a crash left empty', async () => {
    const { directory, source, repository, chunkOf } = await smallBackup();
    truncateSync(chunkOf('c'), 0);
    expect((await backUpAndCommit(directory, 'p-2', source, repository)).bytesStored).toBeGreaterThan(9_000);
    expect((await runJob(directory, { task: 'verify', repository, backup: 'p-1' })).damaged.count).toBe(0);
  });

  test('refuses a manifest that is not what its name says', async () => {
    const { directory, repository, manifest } = await smallBackup();
    writeFileSync(join(repository, 'manifests', manifest), ' ', { flag: 'a' });
    expect(await failureOfJob(directory, { task: 'verify', repository, backup: 'p-1' })).toMatchObject({
      code: 'data-corrupt',
    });
    expect(await listed(repository)).toEqual(['p-1']);
  });
});

test('a repository that may not be written is a clear failure, and the backup in it stays', async () => {
  const { directory, source, repository } = await smallBackup();
  const path = join(directory, 'file-instead');
  writeFileSync(path, '');
  expect(await failureOfJob(directory, backupJob('p-2', source, path))).toMatchObject({
    kind: 'permanent',
    code: 'repository-unreachable',
  });
  if (!isRoot) {
    chmodSync(join(repository, 'tmp'), 0o500);
    expect(await failureOfJob(directory, backupJob('p-2', source, repository))).toMatchObject({
      kind: 'permanent',
      code: 'repository-unreachable',
    });
    chmodSync(join(repository, 'tmp'), 0o700);
  }
  expect(await listed(repository)).toEqual(['p-1']);
});
