import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listBackups } from '../../../src/repository/backup-list.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { restoreBackup } from '../../../src/repository/restore.ts';
import { eventually } from '../../support/eventually.ts';
import { backUpAndCommit, failureOfJob, runJob, scratch } from './engine-process.ts';
import { allocatedKiB, describeTree, makeOddTree, noise } from './trees.ts';

/** A source with the odd tree, backed up once. */
async function oddBackup() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  makeOddTree(source);
  const result = await backUpAndCommit(directory, 'p-1', source, repository);
  const restore = (to: string, include: string[] = []) =>
    runJob(directory, { task: 'restore', repository, backup: 'p-1', to: join(directory, to), include });
  return { directory, source, repository, result, restore };
}

describe('a backup of a tree with everything odd in it', () => {
  test('comes back the same, with modes, owners, times, links and names', async () => {
    const { directory, source, result, restore } = await oddBackup();
    expect(result.outcome).toBe('completed');
    const restored = await restore('out');
    expect(describeTree(join(directory, 'out'))).toEqual(describeTree(source));
    expect(restored.files).toBe(result.files);
    expect(restored.bytes).toBe(result.bytes);
  });

  test('keeps sparse files sparse, on disk and in the repository', async () => {
    const { directory, source, repository, result, restore } = await oddBackup();
    await restore('out');
    for (const name of ['sparse', 'all-hole'])
      expect(allocatedKiB(join(directory, 'out', name))).toBeLessThanOrEqual(allocatedKiB(join(source, name)) + 16);
    expect(allocatedKiB(join(source, 'sparse'))).toBeLessThan(300);
    expect(result.bytes).toBeGreaterThan(120 * 1024 * 1024);
    expect(result.bytesStored).toBeLessThan(11_000_000);
    expect(Number(execFileSync('du', ['-sk', repository], { encoding: 'utf8' }).split('\t')[0])).toBeLessThan(13_000);
  });

  test('brings back what an include names, with the directories above it and nothing else', async () => {
    const { directory, source, restore } = await oddBackup();
    await restore('out', ['leaf', '/empty', 'z-*']);
    const [restored, whole] = [describeTree(join(directory, 'out')), describeTree(source)];
    expect([...restored.keys()]).toEqual([
      '',
      'deep',
      'deep/er',
      'deep/er/est',
      'deep/er/est/leaf',
      'empty',
      'z-plain',
    ]);
    for (const path of ['', 'deep/er', 'deep/er/est/leaf', 'empty'])
      expect(restored.get(path)).toEqual(whole.get(path));
    // Its other names, which held the content in the manifest, were not asked for.
    expect(restored.get('z-plain')?.content).toBe(whole.get('plain')?.content);
  });

  test('brings hard links back together when the first of their names is left out', async () => {
    const { directory, restore } = await oddBackup();
    await restore('out', ['z-plain', 'deep/er/plain']);
    const restored = describeTree(join(directory, 'out'));
    expect(restored.get('z-plain')?.names).toBe('deep/er/plain\0z-plain');
  });

  test('refuses an include that matches nothing, and a directory that is not empty', async () => {
    const { directory, source, repository } = await oddBackup();
    const job = { task: 'restore', repository, backup: 'p-1', include: ['no such thing'] };
    expect(await failureOfJob(directory, { ...job, to: join(directory, 'out') })).toMatchObject({
      status: 1,
      code: 'nothing-matched',
    });
    const before = describeTree(source);
    expect(await failureOfJob(directory, { ...job, include: [], to: source })).toMatchObject({
      code: 'target-not-empty',
    });
    expect(describeTree(source)).toEqual(before);
  });

  test('can be restored again where a restore was cut short', async () => {
    const { directory, source, repository } = await oddBackup();
    const opened = await openRepository(repository);
    const manifest = (await listBackups(opened)).backups[0]?.manifest ?? '';
    const to = join(directory, 'out');
    const stopping = new AbortController();
    const options = { repository: opened, manifest, to, include: [] };
    const restoring = restoreBackup({ ...options, signal: stopping.signal });
    restoring.catch(() => undefined);
    await eventually('the restore has begun', () => existsSync(to) && readdirSync(to).length > 3);
    stopping.abort();
    await expect(restoring).rejects.toThrow();
    expect(readdirSync(to).some(name => name.startsWith('.reeve-restore-'))).toBe(true);
    await restoreBackup({ ...options, signal: new AbortController().signal });
    expect(describeTree(to)).toEqual(describeTree(source));
  });
});

test('any tree of small files comes back the same', async () => {
  const directory = scratch(onTestFinished);
  const repository = join(directory, 'repository');
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map(bytes => Buffer.from(bytes.map(byte => (byte === 0 || byte === 0x2f ? 0x61 : byte))))
    .filter(bytes => !['.', '..'].includes(bytes.toString('latin1')));
  const tree = fc.uniqueArray(
    fc.record({ names: fc.array(name, { minLength: 1, maxLength: 3 }), size: fc.nat(3000) }),
    {
      selector: ({ names }) => Buffer.concat(names).toString('latin1'),
      maxLength: 25,
    },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(tree, async files => {
      run += 1;
      const [source, to] = [join(directory, `source-${run}`), join(directory, `out-${run}`)];
      mkdirSync(source);
      for (const { names, size } of files) writeBelow(source, names, noise(size, String(size)));
      await backUpAndCommit(directory, `p-${run}`, source, repository);
      await runJob(directory, { task: 'restore', repository, backup: `p-${run}`, to, include: [] });
      expect(describeTree(to)).toEqual(describeTree(source));
      rmSync(source, { recursive: true });
      rmSync(to, { recursive: true });
    }),
    { numRuns: 6 },
  );
});

/** Writes a file below directories of its own; where a name is taken as the other kind, it is left. */
function writeBelow(root: string, names: Buffer[], content: Buffer): void {
  let path = Buffer.from(root);
  for (const [index, name] of names.entries()) {
    path = Buffer.concat([path, Buffer.from('/'), name]);
    const found = statSync(path, { throwIfNoEntry: false });
    const isLast = index === names.length - 1;
    if (found && (isLast || !found.isDirectory())) return;
    if (isLast) writeFileSync(path, content);
    else if (!found) mkdirSync(path);
  }
}

describe('a second backup', () => {
  test('stores nothing where nothing changed', async () => {
    const { directory, source, repository } = await oddBackup();
    expect((await backUpAndCommit(directory, 'p-2', source, repository)).bytesStored).toBe(0);
  });

  test('stores little where one byte was put in front of a big file', async () => {
    const directory = scratch(onTestFinished);
    const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
    mkdirSync(source);
    const content = noise(20 * 1024 * 1024, 'incremental');
    writeFileSync(join(source, 'big'), content);
    const first = await backUpAndCommit(directory, 'p-1', source, repository);
    writeFileSync(join(source, 'big'), Buffer.concat([Buffer.of(1), content]));
    const second = await backUpAndCommit(directory, 'p-2', source, repository);
    expect(first.bytesStored).toBeGreaterThan(15 * 1024 * 1024);
    expect(second.bytesStored).toBeLessThan(6 * 1024 * 1024);
  });
});

test('a source that is a file is backed up under its own name', async () => {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'disk.img'), join(directory, 'repository')];
  writeFileSync(source, noise(3_000_000, 'image'));
  await backUpAndCommit(directory, 'p-1', source, repository);
  await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] });
  expect(describeTree(join(directory, 'out')).get('disk.img')).toEqual({
    ...describeTree(source).get(''),
    names: 'disk.img',
  });
});
