import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openChunkIndex } from '../../../src/repository/chunk-index.ts';
import { openRepository, packPath } from '../../../src/repository/repository.ts';
import { checkRepository } from '../../../src/repository/repository-check.ts';
import { backUpAndCommit, backupJob, failureOfJob, listed, runJob, scratch } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { describeTree, isRoot, noise } from './trees.ts';

/** A repository with one backup, and where each file's only chunk lies. */
async function smallBackup() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), noise(200_000, name));
  writeFileSync(join(source, 'same-as-a'), noise(200_000, 'a'));
  const { manifest } = await backUpAndCommit(directory, 'p-1', source, repository);
  const opened = await openRepository(repository);
  const index = await openChunkIndex(opened);
  const placeOf = (name: string) => {
    const place = index.find(execFileSync('sha256sum', [join(source, name)], { encoding: 'utf8' }).slice(0, 64));
    if (!place) throw new Error(`${name} has no chunk`);
    return { ...place, path: packPath(opened, place.pack) };
  };
  /** Turns a bit in what is stored of a file. */
  const damage = (name: string) => {
    const { path, at, headBytes } = placeOf(name);
    const bytes = readFileSync(path);
    bytes[at + headBytes + 100] = (bytes[at + headBytes + 100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };
  return { directory, source, repository, manifest, placeOf, damage };
}

describe('a damaged repository', () => {
  test('is told by verify: which chunks, how, and the files that need them', async () => {
    const { directory, repository, damage, placeOf } = await smallBackup();
    damage('a');
    const { damaged, files } = await runJob(directory, { task: 'verify', repository, backup: 'p-1' });
    expect(files).toBe(4);
    expect(damaged).toMatchObject({ count: 1, filesCount: 2 });
    expect(damaged.first).toMatchObject([{ damage: 'damaged', filesCount: 2, filesFirst: ['a', 'same-as-a'] }]);
    rmSync(placeOf('b').path);
    const gone = await runJob(directory, { task: 'verify', repository, backup: 'p-1' });
    expect(gone.damaged).toMatchObject({ count: 3, filesCount: 4 });
    expect(gone.damaged.first[1]).toMatchObject({ damage: 'missing', filesCount: 1, filesFirst: ['b'] });
  });

  test('never restores a byte of a damaged chunk, and still restores the rest', async () => {
    const { directory, repository, damage } = await smallBackup();
    damage('b');
    const job = { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] };
    const failure = await failureOfJob(directory, job);
    expect(failure).toMatchObject({ status: 1, code: 'data-corrupt' });
    expect(failure.message).toContain('b cannot be restored');
    const rest = join(directory, 'rest');
    await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: rest, include: ['a', 'c'] });
    expect(readdirSync(rest)).toEqual(['a', 'c']);
  });

  test.each(['with', 'without'])(
    'restores what stands in front of where a pack is cut short, %s an index',
    async how => {
      const { directory, repository, placeOf } = await smallBackup();
      const [first, second] = ['a', 'b', 'c'].map(name => ({ name, ...placeOf(name) })).sort((a, b) => a.at - b.at);
      if (!first || !second || first.pack !== second.pack) throw new Error('they do not stand in one pack');
      truncateSync(first.path, second.at + second.headBytes + 1_000);
      if (how === 'without')
        for (const name of readdirSync(join(repository, 'index'))) rmSync(join(repository, 'index', name));
      const to = join(directory, 'out');
      await runJob(directory, { task: 'restore', repository, backup: 'p-1', to, include: [first.name] });
      expect(readdirSync(to)).toEqual([first.name]);
      const { damaged } = await runJob(directory, { task: 'verify', repository, backup: 'p-1' });
      expect(damaged.first.map(({ damage }) => damage)).toEqual(['missing', 'missing']);
      expect(damaged.first.flatMap(({ filesFirst }) => filesFirst)).not.toContain(first.name);
      const { signal } = new AbortController();
      for (const only of [{}, { backup: 'p-1' }]) {
        const check = await checkRepository({
          repository: await openRepository(repository),
          data: 'all',
          signal,
          ...only,
        });
        expect(check.damages.first.map(({ name }) => name)).toContain(`packs/${first.pack.slice(0, 2)}/${first.pack}`);
        expect(check.backups[0]?.files.first).not.toContain(first.name);
        expect(check.backups[0]?.damaged).toBe(true);
      }
    },
  );

  test.each([0, 300_000])('stores again what a crash cut short at %i bytes', async bytes => {
    const { directory, source, repository, placeOf } = await smallBackup();
    truncateSync(placeOf('c').path, bytes);
    expect((await backUpAndCommit(directory, 'p-2', source, repository)).bytesStored).toBeGreaterThan(600_000);
    expect((await runJob(directory, { task: 'verify', repository, backup: 'p-1' })).damaged.count).toBe(0);
  });

  test('is mended by the next backup, once a verify has found it, where the source still has what is lost', async () => {
    const { directory, source, repository, damage, placeOf } = await smallBackup();
    damage('a');
    const mark = `${placeOf('a').path}.damaged`;
    expect(existsSync(mark)).toBe(false);
    const verify = () => doHere({ task: 'verify', repository, backup: 'p-1' });
    expect(await verify()).toMatchObject({ damaged: { count: 1 } });
    expect(existsSync(mark)).toBe(true);
    // An ordinary backup of files that have not changed: what it cannot count on it reads.
    expect((await backUpAndCommit(directory, 'p-2', source, repository)).bytesStored).toBeGreaterThan(200_000);
    expect(await verify()).toMatchObject({ damaged: { count: 0 } });
    const to = join(directory, 'mended');
    await doHere({ task: 'restore', repository, backup: 'p-1', to, include: [] });
    expect(describeTree(to)).toEqual(describeTree(source));
    // And that was once: the next one counts on what was stored anew.
    expect((await backUpAndCommit(directory, 'p-3', source, repository)).bytesStored).toBe(0);
    const checked = await checkRepository({
      repository: await openRepository(repository),
      data: 'all',
      signal: new AbortController().signal,
    });
    expect(checked.backups.map(({ damaged }) => damaged)).toEqual([false, false, false]);
    // The frame is rotten still, and its mark is nothing that is wrong.
    expect(checked.damages.first.map(({ what }) => what)).toEqual(['pack']);
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
